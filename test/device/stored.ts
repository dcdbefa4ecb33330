import type { TestServer } from '../harness/server.ts';

/** An event of an enrolment, in the order in which they were appended. */
export interface StoredEvent {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** An enrolment's row, as far as tests look at it. */
export interface StoredEnrollment {
  readonly id: string;
  readonly kind: string;
  readonly parent: string | null;
  readonly enabled: boolean;
  readonly disabled_reason: string | null;
  readonly topic: string | null;
  readonly push_token: Buffer | null;
  readonly push_magic: Buffer | null;
  readonly unlock_token: Buffer | null;
  readonly bootstrap_token: Buffer | null;
  readonly awaiting_configuration: boolean | null;
  readonly token_update_tally: number;
  readonly current: string | null;
  readonly pending: string | null;
  readonly user_short_name: string | null;
  readonly user_long_name: string | null;
  readonly serial_number: string | null;
}

/** One command that left the queue. */
export interface StoredResult {
  readonly uuid: string;
  readonly ended: string;
  readonly status: string | null;
  readonly tally: number;
  readonly has_result: boolean;
}

/** Rows of a statement on the server's database. */
export async function rowsOf<Row extends object>(
  server: TestServer,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  const { rows } = await server.store.database.graph.query<Row>(text, [...values]);
  return rows;
}

/** The enrolment with this id, or null. Certificates are SHA-256 in hex. */
export async function enrollmentOf(
  server: TestServer,
  id: string,
): Promise<StoredEnrollment | null> {
  const rows = await rowsOf<StoredEnrollment>(
    server,
    `select e.*, encode(e.cert_hash, 'hex') as current, encode(e.pending_cert_hash, 'hex') as pending,
       (select id from enrollment d where d.key = e.device_key) as parent
     from enrollment e where e.id = $1`,
    [id],
  );
  return rows[0] ?? null;
}

/** All events of an enrolment. */
export function eventsOf(server: TestServer, id: string): Promise<readonly StoredEvent[]> {
  return rowsOf<StoredEvent>(
    server,
    `select type, data from event
     where enrollment_key = (select key from enrollment where id = $1) order by id`,
    [id],
  );
}

/** The types of all events of an enrolment, in order. */
export async function eventTypesOf(server: TestServer, id: string): Promise<readonly string[]> {
  return (await eventsOf(server, id)).map(({ type }) => type);
}

/** What left an enrolment's queue, in the order of the commands. */
export function resultsOf(server: TestServer, id: string): Promise<readonly StoredResult[]> {
  return rowsOf<StoredResult>(
    server,
    `select c.uuid, h.ended, h.status, h.not_now_tally as tally, h.result is not null as has_result
     from command_result h join command c on c.key = h.command_key
     where h.enrollment_key = (select key from enrollment where id = $1) order by c.key`,
    [id],
  );
}

/** What waits for an enrolment, in the order of delivery. */
export async function queueOf(server: TestServer, id: string): Promise<readonly string[]> {
  const rows = await rowsOf<{ uuid: string }>(
    server,
    `select c.uuid from queue_entry q join command c on c.key = q.command_key
     where q.enrollment_key = (select key from enrollment where id = $1)
     order by q.urgency, q.command_key`,
    [id],
  );
  return rows.map(({ uuid }) => uuid);
}

/** The reports of an enrolment that matched nothing. */
export function straysOf(
  server: TestServer,
  id: string,
): Promise<readonly { readonly command_uuid: string; readonly status: string }[]> {
  return rowsOf(
    server,
    `select command_uuid, status from stray_report
     where enrollment_key = (select key from enrollment where id = $1) order by command_uuid`,
    [id],
  );
}

const watched = [
  ...['enrollment', 'device_certificate', 'command', 'queue_entry', 'command_result'],
  ...['stray_report', 'check_in'],
];

/** Changes when anything that devices can change does: to see that a refusal stored nothing. */
export async function fingerprintOf(server: TestServer): Promise<readonly string[]> {
  const parts = watched.map(
    (table) => `(select md5(string_agg(t::text, ',' order by t::text)) from ${table} t)`,
  );
  // Events are numbered in the background, so only their count says whether one was added.
  const rows = await rowsOf<{ parts: string[] }>(
    server,
    `select array[${parts.join(', ')}, (select count(*)::text from event)] as parts`,
  );
  return rows[0]?.parts ?? [];
}

/** Why the server refused what it was sent since the log had `from` lines. */
export function refusalsSince(server: TestServer, from: number): readonly unknown[] {
  return server.log
    .slice(from)
    .filter(({ msg }) => typeof msg === 'string' && msg.startsWith('device refused'))
    .map(({ reason }) => reason);
}
