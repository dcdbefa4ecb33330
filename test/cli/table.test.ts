import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { parse } from '../../clients/cli/parse.ts';
import { table } from '../../clients/cli/table.ts';
import { start } from './cli.ts';

/** Splits a line as a shell does. */
function wordsOf(line: string): string[] {
  const { stdout } = spawnSync('sh', ['-c', `printf '%s\\n' ${line.replace(/ [<>] .*/, '')}`]);
  return stdout.toString('utf8').trimEnd().split('\n');
}

describe('the table of commands', () => {
  it('has examples that can be followed, and help, for each', async () => {
    for (const command of table) {
      expect(command.examples.length, command.words.join(' ')).toBeGreaterThan(0);
      for (const example of command.examples.filter((line) => !line.startsWith('eval'))) {
        const [program, ...words] = wordsOf(example);
        expect(program).toBe('graphmdm');
        expect(words.slice(0, command.words.length)).toEqual(command.words);
        const { json } = parse(command, words.slice(command.words.length));
        expect(Object.keys(command.fields ?? {})).toEqual(
          expect.arrayContaining([...(json ?? [])]),
        );
      }
      const { status, stdout } = await start([...command.words, '--help']).ended;
      expect(status).toBe(0);
      expect(stdout).toContain(command.what);
    }
  });

  it('has no command that another one hides', () => {
    for (const [n, { words }] of table.entries()) {
      const first = table.findIndex((other) => other.words.every((word, i) => words[i] === word));
      expect(first).toBe(n);
    }
  });

  it('says of each list which fields there are', async () => {
    for (const { words, fields } of table.filter(({ fields }) => fields)) {
      const { stdout } = await start([...words, '--json']).ended;
      expect(stdout.trimEnd().split('\n')).toEqual(Object.keys(fields ?? {}));
    }
  });
});
