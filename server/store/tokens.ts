import type { Pool } from 'pg';
import type { TenantId } from '../model/viewer.ts';

type Queryable = Pick<Pool, 'query'>;

/** An API token that is good now. What the caller holds is not in it, only its hash is kept. */
export interface StoredToken {
  readonly id: string;
  readonly tenantId: TenantId | null;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly expiresAt: Date | null;
}

interface Row {
  readonly id: string;
  readonly tenant_id: number | null;
  readonly name: string;
  readonly scopes: string[];
  readonly expires_at: Date | null;
}

const columns = 'id, tenant_id, name, scopes, expires_at';
const isGood = 'revoked_at is null and (expires_at is null or expires_at > now())';

/** The good token with this hash, or null. */
export async function findToken(db: Queryable, sha256: Buffer): Promise<StoredToken | null> {
  const result = await db.query<Row>({
    name: 'find-token',
    text: `select ${columns} from api_token where sha256 = $1 and ${isGood}`,
    values: [sha256],
  });
  const row = result.rows[0];
  return row === undefined ? null : tokenOf(row);
}

/** Those of these tokens that are still good, by id. */
export async function goodTokens(
  db: Queryable,
  ids: readonly string[],
): Promise<ReadonlyMap<string, StoredToken>> {
  const result = await db.query<Row>({
    name: 'good-tokens',
    text: `select ${columns} from api_token where id = any($1::uuid[]) and ${isGood}`,
    values: [ids],
  });
  return new Map(result.rows.map((row) => [row.id, tokenOf(row)]));
}

/** Keeps a new token. */
export async function insertToken(
  db: Queryable,
  token: StoredToken & {
    readonly sha256: Buffer;
    /** @default the database's word for what nobody asked for over the graph */
    readonly createdBy?: string;
    readonly replaces?: string;
  },
): Promise<void> {
  await db.query(
    `insert into api_token (id, tenant_id, name, sha256, scopes, expires_at, created_by, replaces)
     values ($1, $2, $3, $4, $5, $6, coalesce($7, 'system'), $8)`,
    [
      token.id,
      token.tenantId,
      token.name,
      token.sha256,
      token.scopes,
      token.expiresAt,
      token.createdBy ?? null,
      token.replaces ?? null,
    ],
  );
}

/**
 * Ends a token.
 * @returns false when there is none with this id that was not ended before
 */
export async function revokeToken(db: Queryable, id: string): Promise<boolean> {
  const result = await db.query(
    'update api_token set revoked_at = now() where id = $1 and revoked_at is null',
    [id],
  );
  return result.rowCount === 1;
}

/** Writes when tokens were last used, in one statement, never moving a time backwards. */
export async function writeTokensUsed(
  db: Queryable,
  used: ReadonlyMap<string, Date>,
): Promise<void> {
  await db.query({
    name: 'write-tokens-used',
    text: `
update api_token t set last_used_at = greatest(t.last_used_at, used.at)
from unnest($1::uuid[], $2::timestamptz[]) as used (id, at)
where t.id = used.id`,
    values: [[...used.keys()], [...used.values()]],
  });
}

function tokenOf(row: Row): StoredToken {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    name: row.name,
    scopes: row.scopes,
    expiresAt: row.expires_at,
  };
}

/** All tokens that are still good, the oldest first. */
export async function listTokens(db: Queryable): Promise<readonly StoredToken[]> {
  const result = await db.query<Row>(
    `select ${columns} from api_token where ${isGood} order by created_at, id`,
  );
  return result.rows.map(tokenOf);
}

/** A token as it is kept, good or not, locked for a change. Null: none that this tenant may see. */
export async function lockToken(
  client: Queryable,
  id: string,
  tenant: TenantId | null,
): Promise<(StoredToken & { readonly isGood: boolean }) | null> {
  const result = await client.query<Row & { readonly is_good: boolean }>(
    `select ${columns}, ${isGood} as is_good from api_token
     where id = $1 and ($2::int is null or tenant_id = $2) for update`,
    [id, tenant],
  );
  const row = result.rows[0];
  return row === undefined ? null : { ...tokenOf(row), isGood: row.is_good };
}

/** Writes what may be changed of a token that is locked. */
export async function writeToken(
  client: Queryable,
  { id, name, scopes, expiresAt }: Pick<StoredToken, 'id' | 'name' | 'scopes' | 'expiresAt'>,
): Promise<void> {
  await client.query('update api_token set name = $2, scopes = $3, expires_at = $4 where id = $1', [
    id,
    name,
    scopes,
    expiresAt,
  ]);
}

/** Ends a token that is locked. */
export async function endToken(client: Queryable, id: string, actor: string): Promise<void> {
  await client.query(
    'update api_token set revoked_at = now(), revoked_by = $2 where id = $1 and revoked_at is null',
    [id, actor],
  );
}
