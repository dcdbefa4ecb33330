import type { Pool } from 'pg';

/**
 * What every hot statement ends with: the first deliverable entry of the enrolment's queue, by one
 * probe of the queue's own key, and its body. `e` is the enrolment's CTE or alias.
 *
 * @param and further conditions on the queue entry `q`, as SQL
 */
export function nextCommandSql(enrollment: string, when: string, and = ''): string {
  return `
  left join lateral (
    select q.command_key, q.not_now_at
    from queue_entry q
    where q.enrollment_key = ${enrollment}.key ${and}
      and (q.not_before is null or q.not_before <= now())
      and (q.expires_at is null or q.expires_at > now())
    order by q.urgency, q.command_key
    limit 1
  ) next on ${when}
  left join command n on n.key = next.command_key`;
}

const otherColumns = `
  n.uuid as next_uuid, n.body_sealed as next_body_sealed, n.tenant_id as next_tenant_id,
  n.renewal as next_renewal`;

/** The columns that go with `nextCommandSql`. */
export const nextCommandColumns = `n.body as next_body, null as next_key, ${otherColumns}`;

/**
 * The same for many enrolments: a large body, such as a profile for a whole fleet, is not repeated for each
 * of them but left for `nextCommandOfMany` to fetch.
 */
export const nextCommandColumnsOfMany = `
  case when octet_length(n.body) <= 8192 then n.body end as next_body, n.key as next_key, ${otherColumns}`;

/** A command as it stands in the database: its body is sealed when its type can carry secrets. */
export interface StoredCommand {
  readonly uuid: string;
  readonly tenantId: number;
  readonly body: Buffer;
  readonly bodySealed: boolean;
  /** It renews the MDM profile: that it was handed over must be known before the device answers. */
  readonly renewal: boolean;
}

export interface NextCommandRow {
  readonly next_uuid: string | null;
  readonly next_key: string | null;
  readonly next_body: Buffer | null;
  readonly next_body_sealed: boolean | null;
  readonly next_tenant_id: number | null;
  readonly next_renewal: boolean | null;
}

/** The next command of a row, or null when nothing may be delivered now. */
export function nextCommandOf(row: NextCommandRow): StoredCommand | null {
  return row.next_body === null ? null : commandOf(row, row.next_body);
}

/** The next commands of rows with `nextCommandColumnsOfMany`; each large body is read once. */
export async function nextCommandsOfMany(
  pool: Pool,
  rows: readonly NextCommandRow[],
): Promise<readonly (StoredCommand | null)[]> {
  const large = new Set<string>();
  for (const { next_key: key, next_body: body } of rows) {
    if (key !== null && body === null) large.add(key);
  }
  const bodies = large.size === 0 ? null : await readBodies(pool, [...large]);
  return rows.map((row) => {
    const body = row.next_body ?? bodies?.get(row.next_key ?? '') ?? null;
    return body === null ? null : commandOf(row, body);
  });
}

async function readBodies(
  pool: Pool,
  keys: readonly string[],
): Promise<ReadonlyMap<string, Buffer>> {
  const { rows } = await pool.query<{ key: string; body: Buffer }>({
    name: 'command-bodies',
    text: 'select key, body from command where key = any ($1::bigint[])',
    values: [keys],
  });
  return new Map(rows.map(({ key, body }) => [key, body]));
}

function commandOf(row: NextCommandRow, body: Buffer): StoredCommand | null {
  if (row.next_uuid === null) return null;
  return {
    uuid: row.next_uuid,
    tenantId: row.next_tenant_id ?? 0,
    body,
    bodySealed: row.next_body_sealed === true,
    renewal: row.next_renewal === true,
  };
}
