import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { silentLog } from '../../server/model/log.ts';
import { openEmbedded } from '../../server/store/embedded/open.ts';

// A process of its own that uses the embedded database of a folder, for tests that kill it. It says on
// standard output when it is ready, or what was wrong, and stops cleanly when its standard input ends.

const [dataDir = ''] = process.argv.slice(2);

function say(what: Record<string, unknown>): void {
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
