import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { certificateHeader } from '../load/devices.ts';
import type { Contender, RunOptions, Running } from './contender.ts';
import { enqueueByV1 } from './nanomdm.ts';
import { freePort, startProgram } from './process.ts';

const token = 'token-of-the-benchmark';

/** By which door commands are queued. */
export type Door = 'graph by ids' | 'graph by filter' | '/v1 by ids';

/** This server as `npm start` runs it: what was built last. */
export const graphmdm: Contender = graphmdmBy('graph by ids', 'graphmdm');

/** The same, whose `enqueue` goes by this door. */
export function graphmdmBy(door: Door, name = `graphmdm, ${door}`): Contender {
  return { name, start: (options) => start(door, options) };
}

async function start(door: Door, { database, ca, proof }: RunOptions): Promise<Running> {
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
      ...['--listen', `127.0.0.1:${port}`, '--data-dir', folder, '--ca', ca],
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
    async addSilent(count) {
      await database.query(
        `insert into enrollment (id, kind, enabled, cert_hash, push_token, topic)
         select 'silent-' || n, 'DEVICE', true, sha256(n::text::bytea), '\\x00', 'topic'
         from generate_series(1, $1::int) n`,
        [count],
      );
      await database.query('vacuum analyze enrollment');
    },
    async addHistory(each) {
      await database.query(
        `insert into command (uuid, request_type, body, body_fingerprint, targets_sha256, created_by)
         select 'old ' || n, 'ProfileList', '<plist/>', '', '', 'bench'
         from generate_series(1, $1::int) n`,
        [each],
      );
      await database.query(
        `insert into command_result
           (enrollment_key, command_key, ended, status, result, queued_at, answered_at)
         select e.key, c.key, 'ANSWERED', 'Acknowledged', '\\x00', now(), now()
         from enrollment e, command c
         where c.uuid like 'old %' and e.id not like 'silent-%'`,
      );
      await database.query('vacuum analyze');
    },
    async stop() {
      await program.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
