import { randomUUID } from 'node:crypto';
import type { ClientBase } from 'pg';

/** Whether any API token was ever made. */
export async function hasTokens(client: ClientBase): Promise<boolean> {
  const result = await client.query('select 1 from api_token limit 1');
  return result.rows.length > 0;
}

/**
 * Makes sure that a token exists and is good: for every tenant, without an end, whatever became of it
 * before.
 */
export async function ensureToken(
  client: ClientBase,
  token: { readonly name: string; readonly sha256: Buffer; readonly scopes: readonly string[] },
): Promise<void> {
  await client.query(
    `insert into api_token (id, tenant_id, name, sha256, scopes) values ($1, null, $2, $3, $4)
     on conflict (sha256) do update
       set scopes = excluded.scopes, expires_at = null, revoked_at = null, tenant_id = null`,
    [randomUUID(), token.name, token.sha256, token.scopes],
  );
}
