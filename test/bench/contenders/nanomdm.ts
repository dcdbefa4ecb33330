import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { certificateHeader } from '../load/devices.ts';
import type { Contender } from './contender.ts';
import { adoptNanomdm, fillNanomdm } from './fill-nanomdm.ts';
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
    family: 'nanomdm',
    async fill(database, shape) {
      await database.query(readFileSync(schema, 'utf8'));
      await fillNanomdm(database, shape);
    },
    async start({ database, ca, proof }) {
      const [{ is_empty: isEmpty } = { is_empty: true }] = await database.query<{
        is_empty: boolean;
      }>(`select to_regclass('enrollments') is null as is_empty`);
      if (isEmpty) await database.query(readFileSync(schema, 'utf8'));
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
        deviceStatements: null,
        enqueue: (ids, plist) => enqueueByV1(url, key, ids, plist),
        adopt: (devices) => adoptNanomdm(database, devices),
        stop: () => program.stop(),
      };
    },
  };
}

/**
 * Queues a command by NanoMDM's own API, which this server has too. More ids than fit into one URL get as
 * many commands: here and there a CommandUUID that is known is refused for further ids.
 */
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
      body: first === 0 ? plist : plist.replace(/[\da-f-]{36}/, () => randomUUID()),
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
