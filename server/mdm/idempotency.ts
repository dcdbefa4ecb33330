import { createHash } from 'node:crypto';
import { DatabaseError, type PoolClient } from 'pg';
import { ConflictError } from '../model/errors.ts';
import type { Viewer } from '../model/viewer.ts';
import {
  claimIdempotencyKey,
  type IdempotencyKey,
  storeIdempotentAnswer,
} from '../store/idempotency.ts';

/** JSON with sorted keys, so that equal inputs hash equally however they were written. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value));
}

function sorted(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || 'toJSON' in value) return value;
  if (Array.isArray(value)) return value.some(isObject) ? value.map(sorted) : value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => [name, sorted(inner)]),
  );
}

function isObject(value: unknown): boolean {
  return typeof value === 'object';
}

/** SHA-256 of a value's canonical JSON. */
export function inputHash(value: unknown): Buffer {
  return createHash('sha256').update(canonicalJson(value)).digest();
}

/** A request that an idempotency key may stand for. */
export interface OnceRequest {
  readonly viewer: Viewer;
  readonly mutation: string;
  /** Null: the caller gave none. */
  readonly key: string | null;
  /** What the key stands for, without the key itself; JSON values. */
  readonly input: unknown;
}

/**
 * Does a mutation's work once for each idempotency key: a repeat gets the first answer.
 * @param run the work; its answer must survive JSON, and a throw leaves the key free
 * @throws {ConflictError} the key was used with other input (`IDEMPOTENCY_KEY_REUSED`), or its first
 * request still runs (`IN_PROGRESS`)
 */
export async function once<Answer>(
  client: PoolClient,
  request: OnceRequest,
  run: () => Promise<Answer>,
  read: (stored: unknown) => Answer,
): Promise<{ readonly answer: Answer; readonly replayed: boolean }> {
  if (request.key === null) return { answer: await run(), replayed: false };
  const { key, earlier } = await claimKey(client, { ...request, key: request.key });
  if (earlier !== null) return { answer: read(earlier.answer), replayed: true };
  const answer = await run();
  await storeIdempotentAnswer(client, key, answer);
  return { answer, replayed: false };
}

/**
 * Claims a request's key in the caller's transaction.
 * @returns as `earlier` the answer of the request that had it before, null when there was none
 * @throws {ConflictError} as `once`
 */
export async function claimKey(
  client: PoolClient,
  request: OnceRequest & { readonly key: string },
): Promise<{
  readonly key: IdempotencyKey;
  readonly earlier: { readonly answer: unknown } | null;
}> {
  const key: IdempotencyKey = {
    caller: request.viewer.tokenId ?? request.viewer.actor,
    mutation: request.mutation,
    key: request.key,
    inputSha256: inputHash(request.input),
  };
  await client.query("set local lock_timeout = '10s'");
  const earlier = await claimIdempotencyKey(client, key).catch((error: unknown) => {
    // 55P03 lock_not_available: the first request with this key has not ended yet.
    if (error instanceof DatabaseError && error.code === '55P03') {
      throw new ConflictError(
        'IN_PROGRESS',
        'A request with this idempotencyKey is still running; ask again with the same key.',
        ['input', 'idempotencyKey'],
      );
    }
    throw error;
  });
  await client.query('set local lock_timeout to default');
  if (earlier !== null && !earlier.inputSha256.equals(key.inputSha256)) {
    throw new ConflictError(
      'IDEMPOTENCY_KEY_REUSED',
      'This idempotencyKey was used with other input; use a new key for a new request.',
      ['input', 'idempotencyKey'],
    );
  }
  return { key, earlier };
}
