import { graphmdm } from './contenders/graphmdm.ts';
import { namedPeers } from './contenders/nanomdm.ts';
import { readFlags } from './flags.ts';
import { openTemplates } from './templates.ts';

/** Fills databases of these shapes for later runs, which take them with `--keep`. */
export async function benchFill(args: readonly string[]): Promise<void> {
  const { shapes, alone } = readFlags(args);
  const templates = openTemplates(true);
  for (const shape of shapes) {
    for (const contender of [graphmdm, ...(alone ? [] : namedPeers())]) {
      await templates.of(contender, shape);
    }
  }
}
