import type { Viewer } from '../../model/viewer.ts';
import {
  type Page,
  type Queryable,
  type Stretch,
  pagesOf,
  params,
  stretchSql,
  visibleTo,
} from './keyset.ts';

/** A report on a command that the enrolment never had. */
export interface StrayReportRow {
  readonly enrollmentKey: bigint;
  readonly enrollmentId: string;
  readonly commandUuid: string;
  readonly status: string;
  readonly receivedAt: Date;
}

/** A page of the stray reports of each of many enrolments, by CommandUUID. */
export async function strayPages(
  db: Queryable,
  viewer: Viewer,
  enrollmentKeys: readonly bigint[],
  stretch: Stretch<string>,
): Promise<ReadonlyMap<bigint, Page<StrayReportRow>>> {
  const statement = params([enrollmentKeys.map(String)]);
  const visible = visibleTo(viewer, 'e', statement);
  const bound = (position: string | null) =>
    position === null ? null : [statement.add(position, 'text')];
  const bounds = { after: bound(stretch.after), before: bound(stretch.before) };
  const { where, tail } = stretchSql(['s.command_uuid'], bounds, stretch);
  const result = await db.query<{
    enrollment_key: string;
    id: string;
    command_uuid: string;
    status: string;
    received_at: Date;
  }>(
    `select stray.*, e.id
     from unnest($1::bigint[]) as parent (key)
     join enrollment e on e.key = parent.key and ${visible}
     cross join lateral (
       select s.enrollment_key, s.command_uuid, s.status, s.received_at
       from stray_report s where s.enrollment_key = e.key ${where} ${tail}
     ) stray
     order by stray.enrollment_key, stray.command_uuid ${stretch.fromEnd ? 'desc' : ''}`,
    statement.values,
  );
  const rows = result.rows.map((row) => ({
    enrollmentKey: BigInt(row.enrollment_key),
    enrollmentId: row.id,
    commandUuid: row.command_uuid,
    status: row.status,
    receivedAt: row.received_at,
  }));
  return pagesOf(rows, (row) => row.enrollmentKey, stretch);
}

/** Names one stray report among all; see `strayKey`. */
export type StrayKey = `${bigint}/${string}`;

export function strayKey(of: Pick<StrayReportRow, 'enrollmentKey' | 'commandUuid'>): StrayKey {
  return `${of.enrollmentKey}/${of.commandUuid}`;
}

/** The bytes of stray reports as they are stored (sealed), by their keys. */
export async function strayBytes(
  db: Queryable,
  viewer: Viewer,
  keys: readonly StrayKey[],
): Promise<ReadonlyMap<StrayKey, Buffer>> {
  const statement = params([
    keys.map((key) => key.slice(0, key.indexOf('/'))),
    keys.map((key) => key.slice(key.indexOf('/') + 1)),
  ]);
  const result = await db.query<{ enrollment_key: string; command_uuid: string; result: Buffer }>(
    `select s.enrollment_key, s.command_uuid, s.result
     from unnest($1::bigint[], $2::text[]) as wanted (enrollment_key, command_uuid)
     join stray_report s on s.enrollment_key = wanted.enrollment_key
       and s.command_uuid = wanted.command_uuid
     join enrollment e on e.key = s.enrollment_key and ${visibleTo(viewer, 'e', statement)}`,
    statement.values,
  );
  return new Map(
    result.rows.map((row): [StrayKey, Buffer] => [
      strayKey({ enrollmentKey: BigInt(row.enrollment_key), commandUuid: row.command_uuid }),
      row.result,
    ]),
  );
}

/** One stray report by its enrolment and CommandUUID. */
export async function findStray(
  db: Queryable,
  viewer: Viewer,
  enrollmentKey: bigint,
  commandUuid: string,
): Promise<StrayReportRow | null> {
  const statement = params([enrollmentKey, commandUuid]);
  const result = await db.query<{ id: string; status: string; received_at: Date }>(
    `select e.id, s.status, s.received_at
     from stray_report s join enrollment e on e.key = s.enrollment_key
     where s.enrollment_key = $1::bigint and s.command_uuid = $2::text
       and ${visibleTo(viewer, 'e', statement)}`,
    statement.values,
  );
  const row = result.rows[0];
  if (row === undefined) return null;
  const { id: enrollmentId, status, received_at: receivedAt } = row;
  return { enrollmentKey, enrollmentId, commandUuid, status, receivedAt };
}
