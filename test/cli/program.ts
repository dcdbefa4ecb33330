import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from '../harness/root.ts';

/** Makes one file of the program, which starts faster than its sources do. @returns its path */
export async function bundled(folder: string): Promise<string> {
  const outfile = join(folder, 'graphmdm.mjs');
  await build({
    entryPoints: [join(root, 'clients', 'cli', 'main.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    // Database drivers are of the other kind of module, and ask for Node's own by `require`.
    banner: {
      js: "import { createRequire as ofNode } from 'node:module'; const require = ofNode(import.meta.url);",
    },
    logLevel: 'silent',
  });
  return outfile;
}
