import { readFileSync } from 'node:fs';
import { certificateHeader } from '../load/devices.ts';
import type { Contender } from './contender.ts';
import { freePort, startProgram } from './process.ts';

const key = 'key-of-the-benchmark';

/** Ids at most in one URL: longer ones are refused on the way in. */
const idsAtOnce = 10_000;

/**
 * A NanoMDM binary on PostgreSQL.
 * @param schema file of its tables
 */
export function nanomdm(name: string, binary: string, schema: string): Contender {
  return {
    name,
    async start({ database, ca, proof }) {
      await database.query(readFileSync(schema, 'utf8'));
      const port = await freePort();
      const url = `http://127.0.0.1:${port}`;
      const program = await startProgram(
        [
          binary,
          ...['-listen', `127.0.0.1:${port}`, '-api', key, '-ca', ca],
          ...['-storage', 'pgsql', '-storage-dsn', `${database.url}?sslmode=disable`],
          ...(proof === 'header' ? ['-cert-header', certificateHeader] : []),
        ],
        `${url}/version`,
      );
      return {
        pid: program.pid,
        host: '127.0.0.1',
        port,
        enqueue: (ids, plist) => enqueueByV1(url, key, ids, plist),
        async addSilent(count) {
          await database.query(
            `insert into devices (id, authenticate, authenticate_at)
             select 'silent-' || n, '<plist/>', now() from generate_series(1, $1::int) n`,
            [count],
          );
          await database.query(
            `insert into enrollments (id, device_id, type, topic, push_magic, token_hex, last_seen_at)
             select 'silent-' || n, 'silent-' || n, 'Device', 'topic', 'magic', '00', now()
             from generate_series(1, $1::int) n`,
            [count],
          );
          await database.query(
            `insert into cert_auth_associations (id, sha256)
             select 'silent-' || n, encode(sha256(n::text::bytea), 'hex')
             from generate_series(1, $1::int) n`,
            [count],
          );
          await database.query('vacuum analyze');
        },
        async addHistory(each) {
          await database.query(
            `insert into commands (command_uuid, request_type, command)
             select 'old ' || n, 'ProfileList', '<?xml?><plist/>' from generate_series(1, $1::int) n`,
            [each],
          );
          const finished = `from enrollments e, commands c
            where c.command_uuid like 'old %' and e.id not like 'silent-%'`;
          await database.query(
            `insert into enrollment_queue (id, command_uuid) select e.id, c.command_uuid ${finished}`,
          );
          await database.query(
            `insert into command_results (id, command_uuid, status, result)
             select e.id, c.command_uuid, 'Acknowledged', '<?xml?><plist/>' ${finished}`,
          );
          await database.query('vacuum analyze');
        },
        stop: () => program.stop(),
      };
    },
  };
}

/** Queues a command by NanoMDM's own API, which this server has too. */
export async function enqueueByV1(
  url: string,
  apiKey: string,
  ids: readonly string[],
  plist: string,
): Promise<void> {
  for (let first = 0; first < ids.length; first += idsAtOnce) {
    const some = ids
      .slice(first, first + idsAtOnce)
      .map(encodeURIComponent)
      .join(',');
    const response = await fetch(`${url}/v1/enqueue/${some}?nopush=1`, {
      method: 'PUT',
      headers: { Authorization: `Basic ${btoa(`nanomdm:${apiKey}`)}` },
      body: plist,
    });
    const answer = await response.text();
    if (response.status !== 200)
      throw new Error(`enqueue: ${response.status} ${answer.slice(0, 300)}`);
  }
}

/** The NanoMDM binaries that the environment names; none: this server is measured alone. */
export function namedPeers(): readonly Contender[] {
  const schema = process.env['NANOMDM_SCHEMA'] ?? '';
  const binaries = {
    'NanoMDM, pool of 16': process.env['NANOMDM_BOUNDED_BIN'],
    'NanoMDM as shipped': process.env['NANOMDM_BIN'],
  };
  return Object.entries(binaries).flatMap(([name, binary]) =>
    binary ? [nanomdm(name, binary, schema)] : [],
  );
}
