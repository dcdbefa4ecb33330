import type { Pool } from 'pg';

/** Rows that one statement deletes at most: short transactions, so that nobody waits for them. */
const page = 5_000;

/**
 * Deletes the oldest events beyond their age, a page at a time, and moves the oldest cursor that can
 * still be followed. Only numbered events go, in the order of their numbers, and none that a lane of a
 * projection has not passed.
 * @returns how many were deleted; a full page means that there may be more
 */
export async function deleteOldEvents(pool: Pool, seconds: number): Promise<number> {
  const result = await pool.query<{ deleted: number }>(
    `
with old as materialized (
  select id, seq, at from event where seq is not null order by seq limit ${page}
), upto as materialized (
  select max(seq) as seq from old
  where seq < coalesce(
    (select min(seq) from old where at >= now() - make_interval(secs => $1)), 9223372036854775807)
    and seq <= coalesce((select min(position) from projection_lane), 9223372036854775807)
), gone as (
  delete from event e using old, upto where e.id = old.id and old.seq <= upto.seq returning 1
), moved as (
  update event_stream s set oldest_seq = upto.seq + 1 from upto
  where upto.seq is not null and s.oldest_seq <= upto.seq
)
select count(*)::int as deleted from gone`,
    [seconds],
  );
  return result.rows[0]?.deleted ?? 0;
}

/** Forgets that projections passed over events that are no longer kept, a page at a time. */
export async function deleteOldProjectionFailures(pool: Pool): Promise<number> {
  const result = await pool.query(
    `
delete from projection_failure where (projection, event_id) in (
  select f.projection, f.event_id from projection_failure f, event_stream s
  where f.event_seq < s.oldest_seq limit ${page}
)`,
  );
  return result.rowCount ?? 0;
}

/** Deletes finished commands' targets beyond their age, a page at a time. */
export async function deleteOldHistory(pool: Pool, seconds: number): Promise<number> {
  const result = await pool.query(
    `
delete from command_result where (enrollment_key, command_key) in (
  select enrollment_key, command_key from command_result
  where ended_at < now() - make_interval(secs => $1) limit ${page}
)`,
    [seconds],
  );
  return result.rowCount ?? 0;
}

/** Forgets the bytes of old results, a page at a time; that they were answered, and how, stays. */
export async function forgetOldResults(pool: Pool, seconds: number): Promise<number> {
  const result = await pool.query(
    `
update command_result set result = null where (enrollment_key, command_key) in (
  select enrollment_key, command_key from command_result
  where ended_at < now() - make_interval(secs => $1) and result is not null limit ${page}
)`,
    [seconds],
  );
  return result.rowCount ?? 0;
}

/** Deletes check-ins and strays that are older than events and results may be. */
export async function deleteOldMessages(pool: Pool, seconds: number): Promise<number> {
  const result = await pool.query(
    `
with check_ins as (
  delete from check_in where id in (
    select id from check_in where received_at < now() - make_interval(secs => $1) limit ${page})
  returning 1
), strays as (
  delete from stray_report where (enrollment_key, command_uuid) in (
    select enrollment_key, command_uuid from stray_report
    where received_at < now() - make_interval(secs => $1) limit ${page})
  returning 1
)
select (select count(*) from check_ins) + (select count(*) from strays) as deleted`,
    [seconds],
  );
  return Number(result.rows[0]?.deleted ?? 0);
}

/** Deletes answers to idempotency keys after their 24 hours. */
export async function deleteOldIdempotency(pool: Pool): Promise<number> {
  const result = await pool.query(
    `
delete from idempotent_request where (caller, mutation, idempotency_key) in (
  select caller, mutation, idempotency_key from idempotent_request
  where created_at < now() - interval '24 hours' limit ${page}
)`,
  );
  return result.rowCount ?? 0;
}

/**
 * Deletes commands beyond their age that nothing refers to any more: nobody waits for them, and their
 * targets' history has gone.
 */
export async function deleteOldCommands(pool: Pool, seconds: number): Promise<number> {
  const result = await pool.query<{ deleted: number }>(
    `
with gone as (
  delete from command where key in (
    select c.key from command c
    where c.created_at < now() - make_interval(secs => $1)
      and not exists (select 1 from queue_entry q where q.command_key = c.key)
      and not exists (select 1 from command_result h where h.command_key = c.key)
    order by c.key limit ${page}
  )
  returning key
), counts as (
  delete from command_count n using gone where n.command_key = gone.key
), refusals as (
  delete from command_refusal f using gone where f.command_key = gone.key
)
select count(*)::int as deleted from gone`,
    [seconds],
  );
  return result.rows[0]?.deleted ?? 0;
}

/**
 * Deletes invitations and renewal challenges that ended longer ago than that, a page at a time, with the
 * record of who used them. One stays as long as a certificate that it allowed is good: it is what tells
 * a renewal from another enrolment, and whose the device is.
 */
export async function deleteOldInvitations(pool: Pool, seconds: number): Promise<number> {
  const result = await pool.query<{ deleted: number }>(
    `
with old as materialized (
  select v.key, v.id from enrollment_invitation v
  where v.expires_at < now() - make_interval(secs => $1)
    and not exists (
      select 1 from issued_certificate i where i.invitation_id = v.id and i.not_after > now())
  order by v.expires_at limit ${page}
), uses as (
  delete from challenge_use u using old where u.challenge = old.id::text
), gone as (
  delete from enrollment_invitation v using old where v.key = old.key returning 1
)
select count(*)::int as deleted from gone`,
    [seconds],
  );
  return result.rows[0]?.deleted ?? 0;
}

/** Forgets old uses of the challenge of the settings, a page at a time: their transactions are long over. */
export async function deleteOldChallengeUses(pool: Pool, seconds: number): Promise<number> {
  const result = await pool.query(
    `
delete from challenge_use where (challenge, transaction_id) in (
  select challenge, transaction_id from challenge_use
  where challenge = 'static' and used_at < now() - make_interval(secs => $1) limit ${page}
)`,
    [seconds],
  );
  return result.rowCount ?? 0;
}

/** Deletes the history of inventory beyond its age, a page at a time; what is known now stays. */
export async function deleteOldInventoryChanges(pool: Pool, seconds: number): Promise<number> {
  const result = await pool.query<{ deleted: string }>(
    `
with changes as (
  delete from inventory_change where key in (
    select key from inventory_change
    where at < now() - make_interval(secs => $1) limit ${page})
  returning 1
), problems as (
  delete from inventory_problem where (enrollment_key, command_key) in (
    select enrollment_key, command_key from inventory_problem
    where at < now() - make_interval(secs => $1) limit ${page})
  returning 1
)
select (select count(*) from changes) + (select count(*) from problems) as deleted`,
    [seconds],
  );
  return Number(result.rows[0]?.deleted ?? 0);
}
