import type { Pool } from 'pg';

/** Notes that a command was handed to a device, before it is: the first time counts. */
export async function markSent(
  pool: Pool,
  enrollmentKey: string,
  commandUuid: string,
  at: Date,
): Promise<void> {
  await pool.query({
    name: 'mark-sent',
    text: `
update queue_entry q set first_sent_at = $3
from command c
where q.enrollment_key = $1 and c.uuid = $2 and q.command_key = c.key and q.first_sent_at is null`,
    values: [enrollmentKey, commandUuid, at],
  });
}
