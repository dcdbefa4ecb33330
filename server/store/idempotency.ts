import type { PoolClient } from 'pg';

/** Which request an idempotency key stands for. */
export interface IdempotencyKey {
  /** The token (or other identity) that asks: keys of different callers never meet. */
  readonly caller: string;
  readonly mutation: string;
  readonly key: string;
  /** SHA-256 of the input without the key. */
  readonly inputSha256: Buffer;
}

/**
 * Claims an idempotency key for this transaction. A second request with the same key waits here until
 * the first has committed (then it gets the answer) or failed (then the key is its own).
 * @returns null when the key is ours; otherwise what an earlier request was and answered
 */
export async function claimIdempotencyKey(
  client: PoolClient,
  key: IdempotencyKey,
): Promise<{ readonly inputSha256: Buffer; readonly answer: unknown } | null> {
  const claimed = await client.query(
    `insert into idempotent_request (caller, mutation, idempotency_key, input_sha256, answer)
     values ($1, $2, $3, $4, 'null')
     on conflict (caller, mutation, idempotency_key) do update
       set input_sha256 = excluded.input_sha256, answer = 'null', created_at = now()
       where idempotent_request.created_at < now() - interval '24 hours'
     returning 1`,
    [key.caller, key.mutation, key.key, key.inputSha256],
  );
  if (claimed.rowCount === 1) return null;
  const known = await client.query<{ input_sha256: Buffer; answer: unknown }>(
    `select input_sha256, answer from idempotent_request
     where caller = $1 and mutation = $2 and idempotency_key = $3`,
    [key.caller, key.mutation, key.key],
  );
  const row = known.rows[0];
  if (row === undefined) throw new Error('an idempotency key vanished while it was read');
  return { inputSha256: row.input_sha256, answer: row.answer };
}

/** Stores the answer that later requests with the key get, in the transaction that did the work. */
export async function storeIdempotentAnswer(
  client: PoolClient,
  key: IdempotencyKey,
  answer: unknown,
): Promise<void> {
  await client.query(
    `update idempotent_request set answer = $4
     where caller = $1 and mutation = $2 and idempotency_key = $3`,
    [key.caller, key.mutation, key.key, JSON.stringify(answer)],
  );
}

/** Lets a key go whose request has changed nothing. */
export async function freeIdempotencyKey(client: PoolClient, key: IdempotencyKey): Promise<void> {
  await client.query(
    `delete from idempotent_request where caller = $1 and mutation = $2 and idempotency_key = $3`,
    [key.caller, key.mutation, key.key],
  );
}
