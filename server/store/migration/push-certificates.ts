import type { PoolClient } from 'pg';

/** When the push certificate of a topic began to be valid; null when there is none. */
export async function pushCertificateBegan(
  client: PoolClient,
  topic: string,
): Promise<Date | null> {
  const { rows } = await client.query<{ not_before: Date }>(
    'select not_before from push_certificate where topic = $1',
    [topic],
  );
  return rows[0]?.not_before ?? null;
}
