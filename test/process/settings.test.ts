import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runProcess, scratchFolder } from '../harness/process.ts';
import { root } from '../harness/root.ts';

describe('the program', () => {
  it('prints every setting with --help, and starts nothing', async () => {
    const { status, stdout, stderr } = await runProcess(['--help', '--listen', 'nonsense']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const documented = readFileSync(join(root, 'docs', 'settings.md'), 'utf8');
    const flags = [...documented.matchAll(/^\| `(--[\w-]+)`/gm)].map(([, flag]) => flag ?? '');
    expect(flags.length).toBeGreaterThan(15);
    for (const flag of flags) expect(stdout).toContain(`  ${flag} `);
  });

  it('prints its version', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(await runProcess(['--version'])).toMatchObject({ status: 0, stdout: `${version}\n` });
  });

  it('refuses wrong settings by name, all at once, before it touches anything', async () => {
    const dataDir = join(scratchFolder(), 'data');
    const { status, stdout, stderr } = await runProcess(
      ['--listen', 'here', '--data-dir', dataDir, '--no-such-flag'],
      { env: { GRAPHMDM_LOG_LEVEL: 'loud', DATABASE_URL: 'mysql://root:secret@db/x' } },
    );
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    for (const name of ['--listen', '--no-such-flag', 'GRAPHMDM_LOG_LEVEL', 'DATABASE_URL']) {
      expect(stderr).toContain(name);
    }
    expect(stderr).not.toContain('secret@');
    expect(existsSync(dataDir)).toBe(false);
  });

  it('refuses an OIDC issuer without all that belongs to it', async () => {
    const dataDir = join(scratchFolder(), 'data');
    const { status, stderr } = await runProcess([
      ...['--listen', ':0', '--data-dir', dataDir],
      ...['--oidc-issuer', 'https://issuer.example.com'],
    ]);
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('--oidc-') });
    expect(existsSync(dataDir)).toBe(false);
  });

  it.each(['--result-retention', '--history-retention'])(
    'refuses a %s that ends before the events that link to results do',
    async (flag) => {
      const dataDir = join(scratchFolder(), 'data');
      const { status, stderr } = await runProcess([
        ...['--listen', ':0', '--data-dir', dataDir],
        ...['--event-retention', '2d', flag, '1d'],
      ]);
      expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining(flag) });
      expect(existsSync(dataDir)).toBe(false);
    },
  );
});
