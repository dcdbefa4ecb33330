import { builtProgram } from '../harness/built-package.ts';
import { type Exit, runProcess } from '../harness/process.ts';

/** Runs `npm run db -- …` as it was built, until it ends. */
export function dbCommand(...words: readonly string[]): Promise<Exit> {
  return runProcess(words, {
    command: [process.execPath, builtProgram('server/db.js')],
  });
}
