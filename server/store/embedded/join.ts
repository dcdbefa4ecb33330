import { Client } from 'pg';
import { sqlState } from '../unavailable.ts';
import type { Address } from './address.ts';
import { connectionTo } from './address.ts';
import type { Place } from './place.ts';

/** What came of one try to connect. */
export type Attempt =
  | { readonly state: 'connected'; readonly client: Client }
  /** Starting, recovering or shutting down: worth waiting for. */
  | { readonly state: 'busy'; readonly reason: string }
  | { readonly state: 'absent' };

/** The advisory lock that every process holds, shared, as long as it uses the embedded server. */
const usersLock = 0x67_6d_64_6d;

/**
 * Connects to the server on the place, if one runs, and counts this process among its users: the
 * connection holds a shared lock as long as it lives, so that nobody stops the server under it.
 */
export async function tryJoin(place: Place, address: Address): Promise<Attempt> {
  const client = new Client({
    ...(await connectionTo(place, address, 'postgres')),
    application_name: 'graphmdm keeper',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  // Told by the failing call; without a listener it would end the process.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('set idle_in_transaction_session_timeout = 0');
    await client.query('select pg_advisory_lock_shared($1)', [usersLock]);
    return { state: 'connected', client };
  } catch (error) {
    await client.end().catch(() => {});
    const state = sqlState(error);
    if (state?.startsWith('57P0') || state === '53300') {
      return { state: 'busy', reason: error instanceof Error ? error.message : String(error) };
    }
    if (isNobodyThere(error)) return { state: 'absent' };
    throw error;
  }
}

/**
 * Whether this process is the last to use the server. After a yes nobody can join any more: who tries
 * waits for the lock until the server is gone, and then starts it anew.
 */
export async function isLastUser(client: Client): Promise<boolean> {
  await client.query('select pg_advisory_unlock_shared($1)', [usersLock]);
  const { rows } = await client.query<{ last: boolean }>(
    'select pg_try_advisory_lock($1) as last',
    [usersLock],
  );
  return rows[0]?.last ?? false;
}

function isNobodyThere(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === 'EPIPE')
    return true;
  return error instanceof Error && /Connection terminated|timeout/i.test(error.message);
}
