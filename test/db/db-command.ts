import { join } from 'node:path';
import { root, type Exit, runProcess } from '../harness/process.ts';

/** Runs `npm run db -- …` from the sources, until it ends. */
export function dbCommand(...words: readonly string[]): Promise<Exit> {
  return runProcess(words, {
    command: [process.execPath, '--import', 'tsx', join(root, 'server', 'db.ts')],
  });
}
