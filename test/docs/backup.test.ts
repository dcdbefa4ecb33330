import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../server/store/package-root.ts';
import { dbCommand } from '../db/db-command.ts';

const page = readFileSync(join(packageRoot(), 'docs', 'backup.md'), 'utf8');
const commands = [...page.matchAll(/^npm run db -- (\w+) (.*)$/gm)];

it('docs/backup.md shows commands that npm run db knows', async () => {
  expect(commands.map(([, name]) => name)).toEqual(['copy', 'backup', 'restore']);
  const { stdout } = await dbCommand('--help');
  for (const [, name = '', rest = ''] of commands) {
    const [line = ''] = stdout.match(new RegExp(`^.*npm run db -- ${name} .*$`, 'm')) ?? [];
    for (const flag of rest.match(/--[a-z-]+/g) ?? []) expect(line).toContain(flag);
  }
});
