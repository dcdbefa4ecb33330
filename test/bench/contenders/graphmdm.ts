import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchDatabase } from '../database.ts';
import { certificateHeader } from '../load/devices.ts';
import type { Shape } from '../shape.ts';
import type { Contender, RunOptions, Running } from './contender.ts';
import { adoptGraphmdm, fillGraphmdm } from './fill-graphmdm.ts';
import { enqueueByV1 } from './nanomdm.ts';
import { freePort, startProgram } from './process.ts';

const token = 'token-of-the-benchmark';

/** By which door commands are queued. */
export type Door = 'graph by ids' | 'graph by filter' | '/v1 by ids';

/** This server as `npm start` runs it: what was built last. */
export const graphmdm: Contender = graphmdmBy('graph by ids', 'graphmdm');

/** The same, whose `enqueue` goes by this door. */
export function graphmdmBy(door: Door, name = `graphmdm, ${door}`): Contender {
  return { name, family: 'graphmdm', fill, start: (options) => start(door, options) };
}

async function fill(database: BenchDatabase, shape: Shape): Promise<void> {
  // It makes its tables itself.
  const server = await start('graph by ids', { database, ca: null, proof: 'signature' });
  await server.stop();
  await fillGraphmdm(database, shape);
}

async function start(
  door: Door,
  { database, ca, proof }: Omit<RunOptions, 'ca'> & { readonly ca: string | null },
): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'graphmdm-bench-'));
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
      ...['--database-url', database.url, '--admin-token', token],
      ...['--secret-key', Buffer.alloc(32, 7).toString('base64')],
      ...['--nanomdm-api', '--nanomdm-api-key', token],
      ...(proof === 'header' ? ['--cert-header', certificateHeader] : []),
      ...(process.env['BENCH_FLAGS']?.split(' ') ?? []),
    ],
    `${url}/readyz`,
  );
  return {
    pid: program.pid,
    host: '127.0.0.1',
    port,
    async enqueue(ids, plist) {
      if (door === '/v1 by ids') return enqueueByV1(url, token, ids, plist);
      const query =
        'mutation ($targets: TargetsInput!, $plist: String!) {' +
        ' enqueueCommand(input: { targets: $targets, command: { plist: $plist }, push: false }) {' +
        ' ... on EnqueueCommandPayload { queuedCount } ... on Error { message } } }';
      const targets = door === 'graph by ids' ? { ids } : { filter: { enabled: true } };
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
      await program.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
