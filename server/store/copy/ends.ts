import { type ClientBase, escapeIdentifier, type Pool, type PoolClient } from 'pg';
import { StartupError } from '../../model/errors.ts';
import { migrationLock } from '../migrate.ts';
import { readyForRows } from './rows.ts';
import type { Table } from './tables.ts';

/**
 * Runs `work` on what the database holds now, whatever is written meanwhile.
 * @param alone  demands that no server uses it, and keeps one that starts waiting
 */
export async function reading<T>(
  pool: Pool,
  alone: boolean,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  return inTransaction(pool, 'isolation level repeatable read read only', async (client) => {
    if (alone) await demandAlone(client, 'The database to copy from');
    return work(client);
  });
}

/**
 * Runs `work` on an empty database, which no server may use meanwhile; nothing of it stays when it fails.
 * @throws {StartupError} it is in use, or not empty
 */
export async function filling<T>(
  pool: Pool,
  tables: (client: PoolClient) => Promise<readonly Table[]>,
  work: (client: PoolClient, tables: readonly Table[]) => Promise<T>,
): Promise<T> {
  return inTransaction(pool, 'isolation level read committed', async (client) => {
    await demandAlone(client, 'The database to fill');
    await demandEmpty(client);
    const all = await tables(client);
    // What migrations have put there comes with the rest.
    await client.query(`truncate ${all.map(({ name }) => escapeIdentifier(name)).join(', ')}`);
    // What triggers wrote for the rows of the source comes with the rest, too.
    await setTriggers(client, all, 'disable');
    const result = await work(client, all);
    await setTriggers(client, all, 'enable');
    return result;
  });
}

async function setTriggers(
  client: ClientBase,
  tables: readonly Table[],
  state: 'enable' | 'disable',
): Promise<void> {
  for (const { name } of tables) {
    await client.query(`alter table ${escapeIdentifier(name)} ${state} trigger user`);
  }
}

/** Where each identity goes on, by table. */
export type Positions = Readonly<Record<string, string>>;

export async function readPositions(
  client: ClientBase,
  tables: readonly Table[],
): Promise<Positions> {
  const positions: Record<string, string> = {};
  for (const { name, sequence } of tables) {
    if (sequence === null) continue;
    const { rows } = await client.query<{ next: string }>(
      `select (last_value + case when is_called then 1 else 0 end)::text as next from ${sequence}`,
    );
    positions[name] = rows[0]?.next ?? '1';
  }
  return positions;
}

export async function writePositions(
  client: ClientBase,
  tables: readonly Table[],
  positions: Positions,
): Promise<void> {
  for (const { name, sequence } of tables) {
    if (sequence === null) continue;
    await client.query('select setval($1::regclass, $2::bigint, false)', [
      sequence,
      positions[name] ?? '1',
    ]);
  }
}

/** Makes the events those of another stream: their numbers are given out again. */
export async function beginNewStream(client: ClientBase): Promise<void> {
  await client.query('update event_stream set id = gen_random_uuid()');
}

/** Ids of the keys that sealed what the database holds. */
export async function sealingKeys(client: ClientBase): Promise<readonly string[]> {
  const { rows } = await client.query<{ key_id: string }>(
    'select key_id from keyring_check order by created_at, key_id',
  );
  return rows.map((row) => row.key_id);
}

async function inTransaction<T>(
  pool: Pool,
  characteristics: string,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    await readyForRows(client);
    await client.query(`begin ${characteristics}`);
    const result = await work(client);
    await client.query('commit');
    return result;
  } finally {
    // Never used again: what it was set to is for copying only, and a failed transaction ends with it.
    client.release(true);
  }
}

/** Servers wait for the same lock before they serve, so that none comes in between. */
async function demandAlone(client: ClientBase, what: string): Promise<void> {
  await client.query('select pg_advisory_xact_lock($1)', [migrationLock]);
  const { rows } = await client.query<{ users: number }>(
    `select count(*)::int as users from pg_stat_activity
     where datname = current_database() and application_name = 'graphmdm'`,
  );
  if ((rows[0]?.users ?? 0) === 0) return;
  throw new StartupError(`${what} is in use by a running graphmdm. Stop that first.`);
}

/** Every server that has started has left its mark in one of these. */
async function demandEmpty(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ used: boolean }>(
    `select exists (select 1 from keyring_check) or exists (select 1 from api_token)
       or exists (select 1 from enrollment) or exists (select 1 from event) as used`,
  );
  if (rows[0]?.used === false) return;
  throw new StartupError(
    'The database to fill is not empty: a graphmdm has used it already. Give an empty one.',
  );
}
