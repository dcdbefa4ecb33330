import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectionTo, knownAddress } from '../../../server/store/embedded/address.ts';
import { findPlace } from '../../../server/store/embedded/place.ts';
import { type BenchDatabase, type WatchedDatabase, watchDatabase } from '../database.ts';
import { certificateHeader } from '../load/devices.ts';
import type { Shape } from '../shape.ts';
import type { Contender, RunOptions, Running } from './contender.ts';
import { adoptGraphmdm, fillGraphmdm } from './fill-graphmdm.ts';
import { enqueueByV1 } from './nanomdm.ts';
import { freePort, startProgram } from './process.ts';

const token = 'token-of-the-benchmark';

/** By which door commands are queued. */
export type Door = 'graph by ids' | 'graph by filter' | '/v1 by ids';

/** How this server is to run. */
interface Variant {
  /** @default 'graph by ids' */
  readonly door?: Door;
  /** Further flags of the server. */
  readonly flags?: readonly string[];
  /** Whether it runs on its own PostgreSQL. @default false */
  readonly embedded?: boolean;
}

/** This server as `npm start` runs it: what was built last. */
export const graphmdm = graphmdmAs('graphmdm', {});

/** The same, in another way. */
export function graphmdmAs(name: string, variant: Variant): Contender {
  return { name, family: 'graphmdm', fill, start: (options) => start(variant, options) };
}

async function fill(database: BenchDatabase, shape: Shape): Promise<void> {
  // It makes its tables itself.
  const server = await start({}, { database, ca: null, proof: 'signature' });
  await server.stop();
  await fillGraphmdm(database, shape);
}

async function start(
  { door = 'graph by ids', flags = [], embedded = false }: Variant,
  { database, ca, proof }: Omit<RunOptions, 'ca'> & { readonly ca: string | null },
): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'graphmdm-bench-'));
  // Under root the embedded PostgreSQL runs as another user, who has to pass through.
  chmodSync(folder, 0o711);
  const port = await freePort();
  const main = fileURLToPath(new URL('../../../dist/server/main.js', import.meta.url));
  const profile = process.env['BENCH_NODE_FLAGS']?.split(' ') ?? [];
  const url = `http://127.0.0.1:${port}`;
  const program = await startProgram(
    [
      process.execPath,
      ...profile,
      main,
      ...['--listen', `127.0.0.1:${port}`, '--data-dir', folder],
      ...(ca === null ? [] : ['--ca', ca]),
      ...(embedded ? [] : ['--database-url', database.url]),
      ...['--admin-token', token, '--secret-key', Buffer.alloc(32, 7).toString('base64')],
      ...['--nanomdm-api', '--nanomdm-api-key', token],
      ...(proof === 'header' ? ['--cert-header', certificateHeader] : []),
      ...flags,
      ...(process.env['BENCH_FLAGS']?.split(' ') ?? []),
    ],
    `${url}/readyz`,
    // The first line comes when all workers listen; one process is there when it answers.
    flags.includes('--workers') ? join(folder, 'log') : null,
  );
  const own = embedded ? await watchEmbedded(folder) : null;
  return {
    pid: program.pid,
    ...(own !== null && { database: own }),
    host: '127.0.0.1',
    port,
    // A column of the next command, which no other statement has.
    deviceStatements: 'next_uuid',
    async enqueue(ids, plist) {
      if (door === '/v1 by ids') return enqueueByV1(url, token, ids, plist);
      const query =
        'mutation ($targets: TargetsInput!, $plist: String!) {' +
        ' enqueueCommand(input: { targets: $targets, command: { plist: $plist }, push: false }) {' +
        ' ... on EnqueueCommandPayload { queuedCount } ... on Error { message } } }';
      const filter = ids.length === 1 ? { ids } : { enabled: true };
      const targets = door === 'graph by ids' ? { ids } : { filter };
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
        body: JSON.stringify({ query, variables: { targets, plist } }),
      });
      const answer = await response.text();
      if (!answer.includes(`"queuedCount":${ids.length}`)) {
        throw new Error(`enqueueCommand answered ${answer.slice(0, 500)}`);
      }
    },
    adopt: (devices) => adoptGraphmdm(database, devices),
    async stop() {
      await own?.close();
      await program.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The database that a server keeps in its data folder. */
async function watchEmbedded(folder: string): Promise<WatchedDatabase> {
  const place = findPlace(folder);
  const address = await knownAddress(place);
  if (address === null) throw new Error('the embedded PostgreSQL does not run');
  return watchDatabase(await connectionTo(place, address, 'graphmdm'));
}
