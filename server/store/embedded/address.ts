import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { PoolConfig } from 'pg';
import { passwordFile, role } from './cluster.ts';
import type { Place } from './place.ts';
import { socketFolder, socketPort } from './socket.ts';

/** How the embedded server is reached: by a Unix socket, on Windows by a port of the machine itself. */
export type Address =
  | { readonly kind: 'socket'; readonly folder: string; readonly port: number }
  | { readonly kind: 'loopback'; readonly port: number };

/** The address at which a server on this place is found, or null when none can be running there. */
export async function knownAddress(place: Place): Promise<Address | null> {
  const lock = await readLock(place);
  if (lock === null) return null;
  return process.platform === 'win32'
    ? { kind: 'loopback', port: lock.port }
    : { kind: 'socket', folder: socketFolder(place), port: socketPort };
}

/** An address for a server about to start. */
export async function newAddress(place: Place): Promise<Address> {
  return process.platform === 'win32'
    ? { kind: 'loopback', port: await freePort() }
    : { kind: 'socket', folder: socketFolder(place), port: socketPort };
}

/** What to connect with. Windows, untested: a made password guards the port. */
export async function connectionTo(
  place: Place,
  address: Address,
  database: string,
): Promise<PoolConfig> {
  const common = { user: role, database, port: address.port };
  return address.kind === 'socket'
    ? { ...common, host: address.folder }
    : { ...common, host: '127.0.0.1', password: await readFile(passwordFile(place), 'utf8') };
}

/** What PostgreSQL's lock file says about the server that has, or had, the database. */
export interface Lock {
  readonly pid: number;
  readonly port: number;
}

/** Reads PostgreSQL's lock file. It is only ever read: who owns the folder is PostgreSQL's to judge. */
export async function readLock({ database }: Place): Promise<Lock | null> {
  const text = await readFile(join(database, 'postmaster.pid'), 'utf8').catch(() => '');
  // Lines: process id, data folder, start time, port, socket folder, … (miscinit.c, AddToDataDirLockFile).
  const [pid, , , port] = text.split('\n').map((line) => Number.parseInt(line, 10));
  return pid !== undefined && pid > 1 ? { pid, port: port ?? socketPort } : null;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : socketPort;
      server.close(() => resolve(port));
    });
  });
}
