import type { BenchDatabase } from '../database.ts';
import { udidSql } from '../load/devices.ts';
import { historyOf, type Shape } from '../shape.ts';
import type { Adopted } from './contender.ts';

const atOnce = 500_000;

/** Fills NanoMDM's tables; its queue keeps what was answered. */
export async function fillNanomdm(database: BenchDatabase, shape: Shape): Promise<void> {
  // What is written below refers to what is there: it need not be looked up row by row.
  await database.query('set session_replication_role = replica');
  for (let first = 0; first < shape.enrollments; first += atOnce) {
    const last = Math.min(first + atOnce, shape.enrollments) - 1;
    for (const text of enrollments) await database.query(text, [first, last]);
  }
  await database.query('analyze');
  if (shape.history > 0) await fillHistory(database, shape);
  await database.query('reset session_replication_role');
  await database.query('vacuum analyze');
  await database.query('checkpoint');
}

async function fillHistory(database: BenchDatabase, shape: Shape): Promise<void> {
  const { step, targets, each } = historyOf(shape);
  await database.query(
    `create temporary table target as
     select id from devices where substr(serial_number, 6)::int % $1 = 0
     order by substr(serial_number, 6)::int`,
    [step],
  );
  await database.query('analyze target');
  await database.query(commands, [each]);
  const some = Math.max(1, Math.floor(atOnce / targets));
  for (let first = 1; first <= each; first += some) {
    const which = [first, Math.min(first + some - 1, each), each, targets, shape.history];
    await database.query(queue, which);
    await database.query(answers, which);
  }
  await database.query('drop table target');
}

const enrollments = [
  `insert into devices (id, serial_number, authenticate, authenticate_at, token_update, token_update_at)
   select ${udidSql('n')}, 'BENCH' || n, '<?xml?><plist>' || repeat('x', 500) || '</plist>',
     now() - interval '60 days', '<?xml?><plist>' || repeat('x', 500) || '</plist>',
     now() - interval '60 days'
   from generate_series($1::int, $2::int) n`,
  `insert into enrollments (id, device_id, type, topic, push_magic, token_hex, last_seen_at)
   select ${udidSql('n')}, ${udidSql('n')}, 'Device', 'com.apple.mgmt.External.bench', 'magic-' || n,
     encode(sha256(int4send(n)), 'hex'), now()
   from generate_series($1::int, $2::int) n`,
  `insert into cert_auth_associations (id, sha256)
   select ${udidSql('n')}, encode(sha256(int4send(-n - 1)), 'hex')
   from generate_series($1::int, $2::int) n`,
];

const commands = `
insert into commands (command_uuid, request_type, command)
select 'old ' || n, 'ProfileList', '<?xml?>' || repeat('x', 350) from generate_series(1, $1::int) n`;

const targetsOf = `
from generate_series($1::int, $2::int) n
cross join lateral (select id from target limit $5::int - (n - 1) * $4::int) target`;

const at = `now() - interval '20 days' * (1 - n::float8 / $3::int)`;

const queue = `
insert into enrollment_queue (id, command_uuid, created_at, updated_at)
select target.id, 'old ' || n, ${at}, ${at} ${targetsOf}`;

const answers = `
insert into command_results (id, command_uuid, status, result, created_at, updated_at)
select target.id, 'old ' || n, 'Acknowledged', '<?xml?>' || repeat('x', 220), ${at}, ${at} ${targetsOf}`;

/** Gives enrolments further certificates. */
export async function adoptNanomdm(
  database: BenchDatabase,
  devices: readonly Adopted[],
): Promise<void> {
  await database.query(
    `insert into cert_auth_associations (id, sha256)
     select d.id, encode(d.certificate, 'hex') from unnest($1::text[], $2::bytea[]) d (id, certificate)`,
    [devices.map(({ udid }) => udid), devices.map(({ certificate }) => certificate)],
  );
  await database.query('vacuum analyze cert_auth_associations');
}
