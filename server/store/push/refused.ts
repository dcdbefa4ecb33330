import type { PoolClient } from 'pg';

/** How many enrolments were not pushed to for want of a certificate of their topic that Apple takes. */
export async function countRefusedOnTopic(client: PoolClient, topic: string): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::int as count
     from push_state s join enrollment e on e.key = s.enrollment_key
     where s.outcome in ('CERTIFICATE_REFUSED', 'NO_CERTIFICATE') and e.enabled and e.topic = $1`,
    [topic],
  );
  return rows[0]?.count ?? 0;
}
