import { createHash } from 'node:crypto';
import { base64, type Item, type LeftBehind, type MigrationRecord } from './source.ts';

/** What PostgreSQL and MySQL say differently. */
export interface Dialect {
  /** A time, as text: ISO 8601 in UTC, to the microsecond. */
  time(column: string): string;
}

/** Reads a statement's rows as they are taken. */
export type Rows = (sql: string) => AsyncIterable<Readonly<Record<string, unknown>>>;

type Row = Readonly<Record<string, unknown>>;

/**
 * Reads NanoMDM's tables, which are the same on PostgreSQL and MySQL, one kind after the other.
 *
 * Pending is what is active and has no result, or NotNow. What is not active and has none was cleared when
 * its device enrolled anew: it is history, never delivered. A devices row with a colon in its id comes from
 * a user's Authenticate, which NanoMDM refuses only after it was stored.
 */
export async function* sqlItems(rows: Rows, dialect: Dialect): AsyncGenerator<Item> {
  const sql = statements(dialect);
  for await (const row of rows(sql.pushCertificates)) {
    const { certificate, key_pem: key } = row;
    yield { record: { kind: 'pushCertificate', certificate, key } };
  }
  for await (const row of rows(sql.commands)) {
    const { uuid, request_type: requestType, command, created_at: createdAt } = row;
    const body = bytesOf(command);
    yield {
      record: {
        kind: 'command',
        commandUuid: uuid,
        requestType,
        body,
        createdAt: timeOf(createdAt),
      },
    };
  }
  for await (const row of rows(sql.devices)) yield* deviceItems(row);
  for await (const row of rows(sql.users)) yield* userItems(row);
  for await (const row of rows(sql.orphans)) {
    yield left('enrollment', row, 'NO_DEVICE', 'There is neither a device nor a user of this id.');
  }
  for await (const row of rows(sql.certificates)) yield certificateItem(row);
  for await (const row of rows(sql.queue)) yield queueItem(row);
  for await (const row of rows(sql.results)) yield { record: resultRecord(row) };
}

function* deviceItems(row: Row): Generator<Item> {
  const enrollment = idOf(row);
  if (enrollment.includes(':')) {
    yield left(
      'authenticate',
      row,
      'JUNK_DEVICE',
      "An Authenticate of a user channel left this row; it is no device's.",
    );
    return;
  }
  yield { record: message('authenticate', row, 'authenticate') };
  if (row['enrolled'] === null) return; // Authenticated only: it comes when it goes on.
  yield* channelItems(row, 'The device is enrolled, but its TokenUpdate is missing.');
  const { unlock_token: unlock, bootstrap_token_b64: bootstrap } = row;
  if (unlock instanceof Uint8Array && unlock.length > 0) {
    const at = timeOf(row['unlock_token_at']);
    yield { record: { kind: 'unlockToken', enrollment, token: base64(unlock), at } };
  }
  if (typeof bootstrap === 'string' && bootstrap !== '') {
    const at = timeOf(row['bootstrap_token_at']);
    const token = bootstrap.replaceAll(/\s/g, '');
    yield { record: { kind: 'bootstrapToken', enrollment, token, at } };
  }
}

function* userItems(row: Row): Generator<Item> {
  if (row['device'] === null) {
    yield left('tokenUpdate', row, 'USER_WITHOUT_DEVICE', 'Its device is not there.');
    return;
  }
  for (const column of ['user_authenticate', 'user_authenticate_digest']) {
    if (typeof row[column] === 'string') yield { record: message('userAuthenticate', row, column) };
  }
  if (row['enrolled'] === null) return;
  yield* channelItems(row, 'The user is enrolled, but its TokenUpdate is missing.');
}

/** What devices and users have alike. */
function* channelItems(row: Row, missing: string): Generator<Item> {
  const enrollment = idOf(row);
  if (typeof row['token_update'] !== 'string') {
    yield left('tokenUpdate', row, 'TOKEN_UPDATE_MISSING', missing);
    return;
  }
  yield { record: message('tokenUpdate', row, 'token_update') };
  yield { record: { kind: 'tally', enrollment, tokenUpdateTally: Number(row['tally']) } };
  const createdAt = timeOf(row['created_at']);
  const lastSeenAt = timeOf(row['last_seen_at']);
  yield { record: { kind: 'timestamps', enrollment, createdAt, lastSeenAt } };
  // Why it left is told from the order of its messages.
  if (Number(row['enabled']) === 0) yield { record: { kind: 'disabled', enrollment } };
}

function certificateItem(row: Row): Item {
  const kind = 'certificateAssociation';
  if (row['device'] === null) {
    return left(kind, row, 'NO_DEVICE', 'No device has the id that this certificate is bound to.');
  }
  const hash = String(row['sha256']).toLowerCase();
  const pem = row['identity_cert'];
  const der = typeof pem === 'string' ? derOf(pem) : null;
  const isCurrent = der !== null && createHash('sha256').update(der).digest('hex') === hash;
  return {
    record: {
      kind,
      enrollment: idOf(row),
      sha256: hash,
      ...(isCurrent && { certificate: base64(der), current: true }),
      at: timeOf(row['created_at']),
    },
  };
}

function queueItem(row: Row): Item {
  if (Number(row['enabled']) === 0) {
    return left(
      'queueEntry',
      row,
      'NOT_ENABLED',
      `${String(row['uuid'])} waits for an enrolment that has left.`,
    );
  }
  const priority = Number(row['priority']);
  return {
    record: {
      kind: 'queueEntry',
      enrollment: idOf(row),
      commandUuid: row['uuid'],
      priority: priority === 0 ? undefined : priority,
      queuedAt: timeOf(row['queued_at']),
      ...putOff(row),
    },
  };
}

function resultRecord(row: Row): MigrationRecord {
  const told = timeOf(row['answered_at']);
  const isAnswered = typeof row['status'] === 'string' && row['status'] !== 'NotNow';
  return {
    kind: 'result',
    enrollment: idOf(row),
    commandUuid: row['uuid'],
    ...(isAnswered
      ? { status: row['status'], result: bytesOf(row['result']), answeredAt: told }
      : { ended: 'RE_ENROLLED', endedAt: timeOf(row['cleared_at']) }),
    queuedAt: timeOf(row['queued_at']),
    ...putOff(row),
  };
}

function putOff(row: Row) {
  const tally = Number(row['not_now_tally'] ?? 0);
  return { notNowAt: timeOf(row['not_now_at']), notNowTally: tally === 0 ? undefined : tally };
}

function message(kind: string, row: Row, column: string): MigrationRecord {
  return {
    kind,
    enrollment: idOf(row),
    raw: bytesOf(row[column]),
    at: timeOf(row[`${column}_at`]),
  };
}

function left(kind: string, row: Row, code: string, message: string): { leftBehind: LeftBehind } {
  return { leftBehind: { kind, id: idOf(row), code, message } };
}

const idOf = (row: Row) => String(row['id']);
const timeOf = (value: unknown) => (typeof value === 'string' ? value : undefined);
const bytesOf = (value: unknown) =>
  base64(value instanceof Uint8Array || typeof value === 'string' ? value : '');

/** The first certificate of a PEM. */
function derOf(pem: string): Buffer | null {
  const [, body] = /-----BEGIN CERTIFICATE-----([\s\S]*?)-----END/.exec(pem) ?? [];
  return body === undefined ? null : Buffer.from(body, 'base64');
}

function statements({ time }: Dialect) {
  const isPending = "q.active and (r.status is null or r.status = 'NotNow')";
  const waiting = `enrollment_queue q join enrollments e on e.id = q.id
    left join command_results r on r.id = q.id and r.command_uuid = q.command_uuid`;
  const isEnabled = 'case when e.enabled then 1 else 0 end';
  const enrolled = `e.id as enrolled, ${isEnabled} as enabled, e.token_update_tally as tally,
      ${time('e.created_at')} as created_at, ${time('e.last_seen_at')} as last_seen_at`;
  const putOff = `r.not_now_tally, ${time('r.not_now_at')} as not_now_at`;
  return {
    pushCertificates: `select cert_pem as certificate, key_pem from push_certs order by topic`,
    commands: `select c.command_uuid as uuid, c.request_type, c.command,
        ${time('c.created_at')} as created_at
      from commands c
      where c.command_uuid in (
        select q.command_uuid from ${waiting} where e.enabled or not (${isPending})
        union select r.command_uuid from command_results r where r.status <> 'NotNow')
      order by c.created_at, c.command_uuid`,
    devices: `select d.id, d.authenticate, ${time('d.authenticate_at')} as authenticate_at,
        d.token_update, ${time('d.token_update_at')} as token_update_at,
        d.unlock_token, ${time('d.unlock_token_at')} as unlock_token_at,
        d.bootstrap_token_b64, ${time('d.bootstrap_token_at')} as bootstrap_token_at, ${enrolled}
      from devices d left join enrollments e on e.id = d.id
      order by d.id`,
    users: `select u.id, d.id as device, u.token_update, ${time('u.token_update_at')} as token_update_at,
        u.user_authenticate, ${time('u.user_authenticate_at')} as user_authenticate_at,
        u.user_authenticate_digest,
        ${time('u.user_authenticate_digest_at')} as user_authenticate_digest_at, ${enrolled}
      from users u left join devices d on d.id = u.device_id left join enrollments e on e.id = u.id
      order by u.id`,
    orphans: `select e.id from enrollments e
      where not exists (select 1 from devices d where d.id = e.id)
        and not exists (select 1 from users u where u.id = e.id)`,
    certificates: `select c.id, c.sha256, ${time('c.created_at')} as created_at, d.id as device,
        d.identity_cert
      from cert_auth_associations c
      left join devices d on d.id = c.id and d.id not like '%:%'
      order by c.id, c.sha256`,
    // The order in which NanoMDM would deliver them.
    queue: `select q.id, q.command_uuid as uuid, q.priority, ${isEnabled} as enabled,
        ${time('q.created_at')} as queued_at, ${putOff}
      from ${waiting} where ${isPending}
      order by q.id, q.priority desc, q.created_at, q.command_uuid`,
    // A result whose queue entry is gone is one all the same.
    results: `select r.id, r.command_uuid as uuid, r.status, r.result,
        ${time('r.updated_at')} as answered_at, ${time('q.created_at')} as queued_at, ${putOff},
        ${time('q.updated_at')} as cleared_at
      from command_results r
      left join enrollment_queue q on q.id = r.id and q.command_uuid = r.command_uuid
      where r.status <> 'NotNow' or (q.id is not null and not q.active)
      union all
      select q.id, q.command_uuid, null, null, null, ${time('q.created_at')}, null, null,
        ${time('q.updated_at')}
      from enrollment_queue q
      where not q.active and not exists (
        select 1 from command_results r where r.id = q.id and r.command_uuid = q.command_uuid)`,
  };
}
