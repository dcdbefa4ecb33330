import type { PoolClient } from 'pg';

/** Stores a device's bootstrap token, sealed; null takes it back. */
export async function writeBootstrapToken(
  client: PoolClient,
  deviceKey: string,
  sealed: Buffer | null,
  at: Date,
): Promise<void> {
  await client.query({
    name: 'write-bootstrap-token',
    text: 'update enrollment set bootstrap_token = $2, heard_at = $3 where key = $1',
    values: [deviceKey, sealed, at],
  });
}

/** A device's bootstrap token, sealed; null when none is set. */
export async function readBootstrapToken(
  client: PoolClient,
  deviceKey: string,
): Promise<Buffer | null> {
  const result = await client.query<{ bootstrap_token: Buffer | null }>({
    name: 'read-bootstrap-token',
    text: 'select bootstrap_token from enrollment where key = $1',
    values: [deviceKey],
  });
  return result.rows[0]?.bootstrap_token ?? null;
}
