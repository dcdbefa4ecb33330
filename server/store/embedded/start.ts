import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Log } from '../../model/log.ts';
import { childEnvironment } from './environment.ts';
import type { Address } from './address.ts';
import type { Place } from './place.ts';

/** A PostgreSQL that this process started. */
export interface Child {
  readonly pid: number | undefined;
  /** Settled when the process has ended; with the last it said, for who has to tell why. */
  readonly ended: Promise<{ readonly reason: string }>;
  /** Lets this process end while the child lives on. */
  letGo(): void;
}

/**
 * Starts PostgreSQL on the database. It leads a process group of its own: Ctrl-C in the terminal is for
 * us, who stop it last. It outlives us when we are killed, and the next start finds it.
 */
export function startPostgres(place: Place, programs: string, address: Address, log: Log): Child {
  const child = spawn(
    join(programs, 'bin', 'postgres'),
    [
      '-D',
      place.database,
      ...settings(address).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    {
      ...(place.user ? { uid: place.user.uid, gid: place.user.gid } : {}),
      cwd: place.folder,
      env: childEnvironment(),
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      windowsHide: true,
    },
  );
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4_000);
    log.debug({ postgresql: text.trim() }, 'embedded PostgreSQL');
  });
  return {
    pid: child.pid,
    ended: ending(child, () => said.trim()),
    letGo() {
      child.unref();
      child.stderr.destroy();
    },
  };
}

function ending(child: ChildProcess, said: () => string): Promise<{ reason: string }> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ reason: error.message }));
    child.once('close', (code, signal) =>
      resolve({ reason: said() || `it ended with ${signal ?? `status ${code}`}` }),
    );
  });
}

/** Given on the command line at each start, so that an update of graphmdm can change them. */
function settings(address: Address): readonly (readonly [name: string, value: string])[] {
  const reach: [string, string][] =
    address.kind === 'socket'
      ? [
          ['listen_addresses', ''],
          ['port', String(address.port)],
          ['unix_socket_directories', `"${address.folder.replaceAll('"', '""')}"`],
          ['unix_socket_permissions', '0700'],
        ]
      : [
          ['listen_addresses', '127.0.0.1'],
          ['port', String(address.port)],
        ];
  return [
    ...reach,
    ['max_connections', '60'],
    ['shared_buffers', '128MB'],
    ['fsync', 'on'],
    ['synchronous_commit', 'on'],
    ['full_page_writes', 'on'],
    ['timezone', 'UTC'],
    // Devices' polls must not wait for a report that has taken all cores; and parallel workers need
    // shared memory that small containers don't have.
    ['max_parallel_workers_per_gather', '0'],
    // A statement whose client was killed ends, and with it its locks.
    ['client_connection_check_interval', '1s'],
    ['idle_in_transaction_session_timeout', '5min'],
    // A week of logs beside the data, each day's replaced a week later. They must survive us, and a pipe
    // would not.
    ['logging_collector', 'on'],
    ['log_directory', 'log'],
    ['log_filename', 'postgresql-%a.log'],
    ['log_truncate_on_rotation', 'on'],
    ['log_rotation_age', '1d'],
    ['log_rotation_size', '0'],
    // Row contents stand in an error's DETAIL and in its statement: neither belongs into a log.
    ['log_error_verbosity', 'terse'],
    ['log_min_error_statement', 'panic'],
  ];
}
