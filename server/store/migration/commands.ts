import type { PoolClient } from 'pg';

/** A command that comes in with an import. */
export interface MigratedCommand {
  readonly uuid: string;
  readonly requestType: string;
  /** Sealed, if it has to be. */
  readonly body: Buffer;
  readonly bodySealed: boolean;
  readonly bodyFingerprint: Buffer;
  readonly targetsSha256: Buffer;
  readonly renewal: boolean;
  readonly createdAt: Date;
}

/** What a CommandUUID names already. */
export interface PresentCommand {
  readonly key: string;
  readonly requestType: string;
  readonly bodyFingerprint: Buffer;
}

/** The commands of a tenant that have these UUIDs. */
export async function findCommands(
  client: PoolClient,
  tenantId: number,
  uuids: readonly string[],
): Promise<ReadonlyMap<string, PresentCommand>> {
  if (uuids.length === 0) return new Map();
  const { rows } = await client.query<PresentCommand & { readonly uuid: string }>({
    name: 'find-migrated-commands',
    text: `
select uuid, key, request_type as "requestType", body_fingerprint as "bodyFingerprint" from command
where tenant_id = $1 and uuid = any($2)`,
    values: [tenantId, uuids],
  });
  return new Map(rows.map((row) => [row.uuid, row]));
}

/** Makes commands, in the order given: so they stand in every queue. One that is there stays. */
export async function insertCommands(
  client: PoolClient,
  tenantId: number,
  commands: readonly MigratedCommand[],
  createdBy: string,
): Promise<void> {
  if (commands.length === 0) return;
  await client.query({
    name: 'insert-migrated-commands',
    text: `
insert into command (uuid, tenant_id, request_type, body, body_sealed, body_fingerprint,
  targets_sha256, renewal, created_at, created_by)
select uuid, $1, request_type, body, body_sealed, body_fingerprint, targets_sha256, renewal,
  created_at, $2
from unnest($3::text[], $4::text[], $5::bytea[], $6::boolean[], $7::bytea[], $8::bytea[],
    $9::boolean[], $10::timestamptz[]) with ordinality
  as r (uuid, request_type, body, body_sealed, body_fingerprint, targets_sha256, renewal,
    created_at, place)
order by place
on conflict (uuid, tenant_id) do nothing`,
    values: [
      tenantId,
      createdBy,
      commands.map(({ uuid }) => uuid),
      commands.map(({ requestType }) => requestType),
      commands.map(({ body }) => body),
      commands.map(({ bodySealed }) => bodySealed),
      commands.map(({ bodyFingerprint }) => bodyFingerprint),
      commands.map(({ targetsSha256 }) => targetsSha256),
      commands.map(({ renewal }) => renewal),
      commands.map(({ createdAt }) => createdAt),
    ],
  });
}

/** An entry of a queue elsewhere. */
export interface MigratedEntry {
  readonly enrollmentKey: string;
  readonly commandKey: string;
  readonly priority: number;
  readonly notBefore: Date | null;
  readonly expiresAt: Date | null;
  readonly notNowAt: Date | null;
  readonly notNowTally: number;
  readonly firstSentAt: Date | null;
  readonly queuedAt: Date;
}

/**
 * Queues what waited elsewhere. What has ended here stays ended; what waits here already takes over that
 * it was put off.
 */
export async function queueMigrated(
  client: PoolClient,
  entries: readonly MigratedEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  await client.query({
    name: 'queue-migrated',
    text: `
with entry as materialized (
  select * from unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::timestamptz[],
      $5::timestamptz[], $6::timestamptz[], $7::int[], $8::timestamptz[], $9::timestamptz[])
    as r (enrollment_key, command_key, urgency, not_before, expires_at, not_now_at, not_now_tally,
      first_sent_at, queued_at)
), before as materialized (
  select q.enrollment_key, q.command_key, q.not_now_tally from queue_entry q
  join entry r on q.command_key = r.command_key and q.enrollment_key = r.enrollment_key
), queued as (
  insert into queue_entry as q (enrollment_key, urgency, command_key, not_before, expires_at,
    not_now_at, not_now_tally, first_sent_at, queued_at)
  select r.enrollment_key, r.urgency, r.command_key, r.not_before, r.expires_at, r.not_now_at,
    r.not_now_tally, r.first_sent_at, r.queued_at
  from entry r
  where not exists (
    select 1 from command_result h
    where h.enrollment_key = r.enrollment_key and h.command_key = r.command_key)
  order by r.enrollment_key, r.urgency, r.command_key
  on conflict (command_key, enrollment_key) do update set
    not_now_at = coalesce(q.not_now_at, excluded.not_now_at),
    not_now_tally = greatest(q.not_now_tally, excluded.not_now_tally)
    where q.not_now_tally < excluded.not_now_tally
  returning q.enrollment_key, q.command_key, q.not_now_tally, q.xmax = 0 as new
), put_off as (
  -- No event tells of it, so the projector does not count it; it will when that ends.
  insert into command_count as n (command_key, tenant_id, not_now)
  select c.key, c.tenant_id, count(*) from queued q join command c on c.key = q.command_key
  left join before b on b.command_key = q.command_key and b.enrollment_key = q.enrollment_key
  where q.not_now_tally > 0 and coalesce(b.not_now_tally, 0) = 0
  group by c.key order by c.key
  on conflict (command_key) do update set not_now = n.not_now + excluded.not_now
), counted as (
  select command_key, count(*)::int as count from queued where new group by command_key
)
update command c set target_count = c.target_count + counted.count
from counted where c.key = counted.command_key`,
    values: [
      entries.map(({ enrollmentKey }) => enrollmentKey),
      entries.map(({ commandKey }) => commandKey),
      entries.map(({ priority }) => -priority),
      entries.map(({ notBefore }) => notBefore),
      entries.map(({ expiresAt }) => expiresAt),
      entries.map(({ notNowAt }) => notNowAt),
      entries.map(({ notNowTally }) => notNowTally),
      entries.map(({ firstSentAt }) => firstSentAt),
      entries.map(({ queuedAt }) => queuedAt),
    ],
  });
}

/** How a command ended for an enrolment elsewhere. */
export interface MigratedResult {
  readonly enrollmentKey: string;
  readonly commandKey: string;
  readonly ended: string;
  readonly status: string | null;
  /** Sealed. */
  readonly result: Buffer | null;
  readonly notNowAt: Date | null;
  readonly notNowTally: number;
  readonly firstSentAt: Date | null;
  readonly queuedAt: Date;
  readonly endedAt: Date;
  readonly answeredAt: Date | null;
}

/** Writes history, and counts it, without events. What has ended here stays; what still waits here has ended there. */
export async function keepMigratedResults(
  client: PoolClient,
  results: readonly MigratedResult[],
): Promise<void> {
  if (results.length === 0) return;
  await client.query({
    name: 'keep-migrated-results',
    text: `
with result as materialized (
  select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bytea[],
      $6::timestamptz[], $7::int[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[],
      $11::timestamptz[])
    as r (enrollment_key, command_key, ended, status, result, not_now_at, not_now_tally,
      first_sent_at, queued_at, ended_at, answered_at)
), waiting as (
  delete from queue_entry q using result r
  where q.command_key = r.command_key and q.enrollment_key = r.enrollment_key
  returning q.enrollment_key, q.command_key, q.not_now_tally
), kept as (
  insert into command_result (enrollment_key, command_key, ended, status, result, not_now_at,
    not_now_tally, first_sent_at, queued_at, ended_at, answered_at)
  select * from result r order by r.enrollment_key, r.command_key
  on conflict (enrollment_key, command_key) do nothing
  returning enrollment_key, command_key, ended, status
), step as (
  select command_key, case when ended <> 'ANSWERED' then ended
    when status = 'Acknowledged' then 'ACKNOWLEDGED' else 'ERROR' end as to_state, 0 as put_off
  from kept
  union all
  select command_key, null, -1 from waiting where not_now_tally > 0
), told as (
  -- As the projector would have from events, of which there are none.
  insert into command_count as n (command_key, tenant_id, not_now, acknowledged, error, cancelled,
    cleared, expired, unenrolled, re_enrolled)
  select c.key, c.tenant_id, sum(put_off), count(*) filter (where to_state = 'ACKNOWLEDGED'),
    count(*) filter (where to_state = 'ERROR'), count(*) filter (where to_state = 'CANCELLED'),
    count(*) filter (where to_state = 'CLEARED'), count(*) filter (where to_state = 'EXPIRED'),
    count(*) filter (where to_state = 'UNENROLLED'),
    count(*) filter (where to_state = 'RE_ENROLLED')
  from step s join command c on c.key = s.command_key group by c.key order by c.key
  on conflict (command_key) do update set not_now = n.not_now + excluded.not_now,
    acknowledged = n.acknowledged + excluded.acknowledged, error = n.error + excluded.error,
    cancelled = n.cancelled + excluded.cancelled, cleared = n.cleared + excluded.cleared,
    expired = n.expired + excluded.expired, unenrolled = n.unenrolled + excluded.unenrolled,
    re_enrolled = n.re_enrolled + excluded.re_enrolled
), counted as (
  select k.command_key, count(*)::int as count from kept k
  where not exists (
    select 1 from waiting w
    where w.enrollment_key = k.enrollment_key and w.command_key = k.command_key)
  group by k.command_key
)
update command c set target_count = c.target_count + counted.count
from counted where c.key = counted.command_key`,
    values: [
      results.map(({ enrollmentKey }) => enrollmentKey),
      results.map(({ commandKey }) => commandKey),
      results.map(({ ended }) => ended),
      results.map(({ status }) => status),
      results.map(({ result }) => result),
      results.map(({ notNowAt }) => notNowAt),
      results.map(({ notNowTally }) => notNowTally),
      results.map(({ firstSentAt }) => firstSentAt),
      results.map(({ queuedAt }) => queuedAt),
      results.map(({ endedAt }) => endedAt),
      results.map(({ answeredAt }) => answeredAt),
    ],
  });
}

/** The keys of a tenant's enrolments, by id. */
export async function enrollmentKeys(
  client: PoolClient,
  tenantId: number,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map();
  const { rows } = await client.query<{ id: string; key: string }>({
    name: 'keys-of-enrollments',
    text: 'select id, key from enrollment where tenant_id = $1 and id = any($2)',
    values: [tenantId, ids],
  });
  return new Map(rows.map(({ id, key }) => [id, key]));
}
