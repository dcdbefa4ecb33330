import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { Client } from 'pg';
import { freePort, startProgram } from '../bench/contenders/process.ts';
import { type Authority, certificatePem } from '../../clients/simulator/identity.ts';
import { emptyDatabase } from '../harness/database.ts';

/** The key of the NanoMDM's API. */
export const nanomdmKey = 'key-of-the-rehearsal';

/** A NanoMDM that runs. */
export interface RunningNanomdm {
  readonly url: string;
  readonly port: number;
  /** How `graphmdm import nanomdm` is told of its storage. */
  readonly source: readonly string[];
  enqueue(id: string, plist: string): Promise<void>;
  stop(): Promise<void>;
}

export type NanomdmStorage = 'pgsql' | 'filekv';

/** Whether the real one can be run here: NANOMDM_BIN, and for PostgreSQL NANOMDM_SCHEMA. */
export function hasNanomdm(storage: NanomdmStorage): boolean {
  const has = Boolean(process.env['NANOMDM_BIN']);
  return storage === 'filekv' ? has : has && Boolean(process.env['NANOMDM_SCHEMA']);
}

/** Starts the real NanoMDM, on a storage of its own below a folder. */
export async function startNanomdm(
  storage: NanomdmStorage,
  authority: Authority,
  folder: string,
): Promise<RunningNanomdm> {
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, certificatePem(authority.certificate));
  const { dsn, source, drop } = await (storage === 'pgsql' ? onPostgres() : onFiles(folder));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const program = await startProgram(
    [
      process.env['NANOMDM_BIN'] ?? '',
      ...['-listen', `127.0.0.1:${port}`, '-api', nanomdmKey, '-ca', ca, '-migration', '-retro'],
      ...['-storage', storage, '-storage-dsn', dsn],
    ],
    `${url}/version`,
  );
  return {
    url,
    port,
    source,
    async enqueue(id, plist) {
      const response = await fetch(`${url}/v1/enqueue/${id}?nopush=1`, {
        method: 'PUT',
        headers: { Authorization: `Basic ${btoa(`nanomdm:${nanomdmKey}`)}` },
        body: plist,
      });
      if (response.status !== 200) throw new Error(await response.text());
    },
    async stop() {
      await program.stop();
      await drop();
    },
  };
}

async function onPostgres() {
  const database = await emptyDatabase();
  const client = new Client({ connectionString: database.url });
  await client.connect();
  await client.query(readFileSync(process.env['NANOMDM_SCHEMA'] ?? '', 'utf8'));
  await client.end();
  return {
    dsn: `${database.url}${database.url.includes('?') ? '&' : '?'}sslmode=disable`,
    source: ['--dsn', database.url],
    drop: () => database.drop(),
  };
}

async function onFiles(folder: string) {
  const dsn = join(folder, 'dbkv');
  return { dsn, source: [dsn], drop: async () => {} };
}

/** What stands before the servers: devices know only its address. */
export interface SwitchingProxy {
  readonly url: string;
  /** Sends all that comes from now on elsewhere. */
  switchTo(port: number): void;
  close(): Promise<void>;
}

/** Passes requests on, to whichever server is behind it at the time. */
export async function startProxy(to: number): Promise<SwitchingProxy> {
  let port = to;
  const server = createServer((received, answer) => {
    const { method, url: path, headers } = received;
    const onward = request(
      { host: '127.0.0.1', port, method, path, headers, agent: false },
      (response) => {
        const told = { ...response.headers, connection: 'close' };
        answer.writeHead(response.statusCode ?? 502, told);
        response.pipe(answer);
      },
    );
    onward.on('error', () => answer.destroy());
    received.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    switchTo(other) {
      port = other;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
