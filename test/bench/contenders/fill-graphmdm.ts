import type { BenchDatabase } from '../database.ts';
import { udidSql } from '../load/devices.ts';
import { historyOf, type Shape } from '../shape.ts';
import type { Adopted } from './contender.ts';

/** Rows that one statement writes, about. */
const atOnce = 500_000;

/**
 * Fills a migrated database. Each command passes through the queue into the history, with its events, as it
 * does when devices answer: index pages are where deleting left them.
 */
export async function fillGraphmdm(database: BenchDatabase, shape: Shape): Promise<void> {
  for (let first = 0; first < shape.enrollments; first += atOnce) {
    const last = Math.min(first + atOnce, shape.enrollments) - 1;
    await database.query(enrollments, [first, last]);
  }
  await database.query('vacuum analyze');
  if (shape.history > 0) await fillHistory(database, shape);
  await database.query('vacuum analyze');
  // What is derived from events is taken to be derived: nothing is left to do for a server that starts.
  await database.query(
    `with numbered as (
       update event_stream set last_seq = greatest(last_seq, (select coalesce(max(seq), 0) from event))
       returning last_seq
     )
     update projection_lane set position = numbered.last_seq, holder = null from numbered`,
  );
  await database.query('checkpoint');
}

async function fillHistory(database: BenchDatabase, shape: Shape): Promise<void> {
  const { step, targets, each } = historyOf(shape);
  await database.query(
    `create temporary table target as
     select key from enrollment where substr(serial_number, 6)::int % $1 = 0 order by key`,
    [step],
  );
  await database.query('analyze target');
  await database.query(commands, [each, targets, shape.history]);
  const some = Math.max(1, Math.floor(atOnce / targets));
  for (let first = 1; first <= each; first += some) {
    const which = [first, Math.min(first + some - 1, each), each];
    await database.query(queue, [...which, targets, shape.history]);
    await database.query(answers, which);
    // As often as PostgreSQL does it by itself, or far more often.
    await database.query('vacuum queue_entry');
  }
  await database.query('drop table target');
}

const enrollments = `
with made as (
  insert into enrollment (id, kind, enabled, serial_number, device_name, model, model_name, product_name,
    os_version, build_version, topic, push_token, push_magic, token_update_tally, cert_hash, cert_not_after,
    authenticated_at, token_updated_at, enrolled_at, created_at)
  select ${udidSql('n')}, 'DEVICE', true, 'BENCH' || n, 'Bench ' || n, 'MK2K3', 'iPad', 'iPad12,1',
    (15 + n % 4) || '.' || n % 7, '22D63', 'com.apple.mgmt.External.bench', sha256(int4send(n)),
    sha256(int4send(n)) || sha256(int4send(n)), 1, sha256(int4send(-n - 1)), now() + interval '1 year',
    now() - interval '60 days', now() - interval '60 days', now() - interval '60 days',
    now() - interval '60 days'
  from generate_series($1::int, $2::int) n
  returning key, cert_hash
), seen as (
  insert into enrollment_seen (enrollment_key, last_seen_at) select key, now() from made
)
insert into device_certificate
  (sha256, device_key, subject, issuer, serial, not_before, not_after, bound_at, current_at)
select cert_hash, key, 'CN=bench', 'CN=bench', encode(int8send(key), 'hex'), now() - interval '60 days',
  now() + interval '1 year', now() - interval '60 days', now() - interval '60 days'
from made`;

/** When a command's answers came: the last twenty days, so that no retention has ended them yet. */
const at = (command: string) => `now() - interval '20 days' * (1 - ${command}::float8 / $3::int)`;

const commands = `
insert into command (uuid, request_type, body, body_fingerprint, targets_sha256, target_count, created_by)
select 'old ' || n, 'ProfileList', convert_to(repeat('x', 350), 'UTF8'), sha256(int4send(n)),
  sha256(int4send(n)), least($2::int, $3::int - (n - 1) * $2::int), 'bench'
from generate_series(1, $1::int) n`;

/** The last command goes to so many as are left. */
const queue = `
insert into queue_entry (enrollment_key, urgency, command_key, queued_at)
select target.key, 0, command.key, ${at('n')}
from generate_series($1::int, $2::int) n
join command on command.uuid = 'old ' || n
cross join lateral (select key from target limit $5::int - (n - 1) * $4::int) target
order by command.key, target.key`;

const answers = `
with done as (
  delete from queue_entry q using command c, generate_series($1::int, $2::int) n
  where c.uuid = 'old ' || n and q.command_key = c.key
  returning q.enrollment_key, q.command_key, q.queued_at, ${at('n')} as at
), history as (
  insert into command_result
    (enrollment_key, command_key, ended, status, result, first_sent_at, queued_at, ended_at, answered_at)
  select enrollment_key, command_key, 'ANSWERED', 'Acknowledged', decode(repeat('5a', 220), 'hex'), at,
    queued_at, at, at
  from done
), counted as (
  insert into command_count (command_key, tenant_id, acknowledged)
  select command_key, 1, count(*) from done group by command_key order by command_key
)
insert into event (seq, type, tenant_id, at, trace_id, enrollment_key, command_key, data)
select (select coalesce(max(seq), 0) from event) + row_number() over (), 'CommandAnswered', 1, at,
  '0123456789abcdef', enrollment_key, command_key,
  '{"status": "Acknowledged", "requestType": "ProfileList", "notNowTally": 0}'
from done`;

/** Gives enrolments other certificates. */
export async function adoptGraphmdm(
  database: BenchDatabase,
  devices: readonly Adopted[],
): Promise<void> {
  await database.query(
    `with adopted as (
       update enrollment e set cert_hash = d.certificate, cert_not_after = now() + interval '1 year'
       from unnest($1::text[], $2::bytea[]) d (id, certificate)
       where e.id = d.id
       returning e.key, e.cert_hash
     )
     insert into device_certificate
       (sha256, device_key, subject, issuer, serial, not_before, not_after, current_at)
     select cert_hash, key, 'CN=bench', 'CN=bench', encode(int8send(key), 'hex'), now(),
       now() + interval '1 year', now()
     from adopted`,
    [devices.map(({ udid }) => udid), devices.map(({ certificate }) => certificate)],
  );
  await database.query('vacuum analyze enrollment');
}
