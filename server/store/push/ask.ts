import type { PoolClient } from 'pg';
import { quietSeconds, toldToWait } from './claimed-push.ts';

/**
 * Asks for a push to each enrolment that a query names: now, or as soon as the last push is a moment
 * ago. It goes out after the caller's transaction has committed, so it serves all that this queues; and
 * what is asked for several times until then is one push.
 * @param source selects `key`
 */
function askSql(source: string): string {
  return `
insert into push_state as s (enrollment_key, claimed_at, retry_at)
select key, timestamptz 'epoch', now() from (${source}) as asked order by key
on conflict (enrollment_key) do update set attempts = 0,
  retry_at = least(s.retry_at, greatest(now(), s.claimed_at + interval '${quietSeconds} seconds'))
  where not ${toldToWait}`;
}

const forCommand = askSql('select enrollment_key as key from queue_entry where command_key = $1');

/** Asks for a push to everybody for whom a command waits. */
export async function askForCommand(client: PoolClient, commandKey: string): Promise<void> {
  await client.query({ name: 'ask-push-for-command', text: forCommand, values: [commandKey] });
}

/**
 * Those of a stretch of keys, $1 excluded, that have work waiting (put off by the device or not) or were
 * silent for a day; not those that a push would not reach, or that were pushed to within the hour.
 */
const sleeping = `
select e.key from enrollment e
left join enrollment_seen seen on seen.enrollment_key = e.key
left join push_state s on s.enrollment_key = e.key
where e.enabled and e.key > $1 and e.key <= $2 and e.push_token is not null
  and (coalesce(seen.last_seen_at, e.created_at) < now() - interval '24 hours'
    or exists (select 1 from queue_entry q where q.enrollment_key = e.key
      and (q.not_before is null or q.not_before <= now())))
  and (s.enrollment_key is null or (
    s.retry_at is null and s.claimed_at < now() - interval '1 hour'
    and not (s.outcome is not null and s.outcome in ('UNREGISTERED', 'BAD_DEVICE_TOKEN')
      and s.token_updated_at is not distinct from e.token_updated_at)))`;

const forStretch = askSql(sleeping);

/**
 * Asks for a push to those after one key, up to and with another, who need one by themselves.
 * @returns how many
 */
export async function askForStretch(
  client: PoolClient,
  stretch: { readonly from: string; readonly to: string },
): Promise<number> {
  const { from, to } = stretch;
  const result = await client.query({
    name: 'ask-push-for-stretch',
    text: forStretch,
    values: [from, to],
  });
  return result.rowCount ?? 0;
}
