import { existsSync, readFileSync } from 'node:fs';
import type { Running } from './contenders/contender.ts';
import type { WatchedDatabase } from './database.ts';
import { memoryMegabytes, withoutDatabase } from './processor-time.ts';

/** What was seen from time to time. */
export interface Watched {
  readonly memoryMb: number;
  /** The most, less what it was in the beginning. */
  readonly grownMb: number;
  readonly databaseConnections: number;
  readonly deviceConnections: number;
  readonly memory: readonly (readonly [second: number, megabytes: number])[];
}

const interval = 500;

/** Looks at a server from now on, until it is stopped. */
export function watch(server: Pick<Running, 'pid' | 'port'>, database: WatchedDatabase) {
  const began = performance.now();
  const memory: [number, number][] = [];
  let [databaseConnections, deviceConnections] = [0, 0];

  async function look(): Promise<void> {
    const megabytes = withoutDatabase(memoryMegabytes, server.pid, database.postmaster);
    memory.push([Math.round(performance.now() - began) / 1000, Math.round(megabytes * 10) / 10]);
    deviceConnections = Math.max(deviceConnections, connectionsTo(server.port));
    databaseConnections = Math.max(databaseConnections, await database.connections());
  }

  let looking = look();
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, interval);
  return {
    async stop(): Promise<Watched> {
      clearInterval(timer);
      await looking;
      await look();
      const memoryMb = Math.max(...memory.map(([, megabytes]) => megabytes));
      const grownMb = memoryMb - (memory[0]?.[1] ?? 0);
      return { memoryMb, grownMb, databaseConnections, deviceConnections, memory };
    },
  };
}

/** Connections that are open at a port of this machine (`/proc/net/tcp`: local address, state 01). */
function connectionsTo(port: number): number {
  const local = port.toString(16).toUpperCase().padStart(4, '0');
  const open = new RegExp(`^ *\\d+: [0-9A-F]+:${local} [0-9A-F]+:[0-9A-F]{4} 01 `, 'gm');
  return ['/proc/net/tcp', '/proc/net/tcp6']
    .filter((file) => existsSync(file))
    .reduce((sum, file) => sum + (readFileSync(file, 'utf8').match(open)?.length ?? 0), 0);
}
