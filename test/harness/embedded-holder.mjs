import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

// A process of its own that uses the embedded database of a folder, for tests that kill it. It says on
// standard output when it is ready, or what was wrong, and stops cleanly when its standard input ends.
// Plain JavaScript on the built program: it starts in a third of the time.

const [open = '', log = '', dataDir = ''] = process.argv.slice(2);
const { openEmbedded } = await import(pathToFileURL(open).href);
const { silentLog } = await import(pathToFileURL(log).href);

/** @param {Record<string, unknown>} what */
function say(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

try {
  const embedded = await openEmbedded({ dataDir, log: silentLog });
  say({ ready: true, folder: embedded.folder });
  await once(createInterface({ input: process.stdin }), 'close');
  await embedded.stop();
  say({ stopped: true });
} catch (error) {
  say({
    ready: false,
    error: error instanceof Error ? `${error.name}: ${error.message}` : 'unknown',
  });
}
