import type { Viewer } from '../../model/viewer.ts';
import {
  type Page,
  type Queryable,
  type Stretch,
  pageOf,
  pagesOf,
  params,
  stretchSql,
} from './keyset.ts';

/** Which jobs: every member that is given must hold. */
export interface JobFilter {
  readonly states?: readonly string[];
  readonly kinds?: readonly string[];
}

/** Where a job stands among all: the newest first. */
export interface JobPosition {
  /** Microseconds since 1970: a `Date` would round what the order is made of. */
  readonly createdMicros: bigint;
  readonly id: string;
}

/** What went wrong for one of the subjects of a job. */
export interface JobErrorRow {
  readonly key: bigint;
  readonly jobId: string;
  readonly code: string;
  readonly message: string;
  readonly subject: string | null;
  readonly line: number | null;
}

/** A page of jobs, the newest first. */
export async function jobPage(
  db: Queryable,
  viewer: Viewer,
  { states, kinds }: JobFilter,
  stretch: Stretch<JobPosition>,
): Promise<Page<JobPosition>> {
  const statement = params();
  const conditions = [
    ...(viewer.tenant === null ? [] : [`j.tenant_id = ${statement.add(viewer.tenant, 'int')}`]),
    ...(states ? [`j.state = any (${statement.add(states, 'text[]')})`] : []),
    ...(kinds ? [`j.kind = any (${statement.add(kinds, 'text[]')})`] : []),
  ];
  const bound = (position: JobPosition | null) =>
    position && [
      `(timestamptz 'epoch' + ${statement.add(String(position.createdMicros), 'bigint')} ` +
        `* interval '1 microsecond')`,
      statement.add(position.id, 'uuid'),
    ];
  const bounds = { after: bound(stretch.after), before: bound(stretch.before) };
  const { where, tail } = stretchSql(['j.created_at', 'j.id'], bounds, {
    ...stretch,
    descending: true,
  });
  const result = await db.query<{ id: string; micros: string }>(
    `select j.id, (extract(epoch from j.created_at) * 1000000)::bigint as micros
     from job j where ${['true', ...conditions].join(' and ')} ${where} ${tail}`,
    statement.values,
  );
  const rows = result.rows.map(({ id, micros }) => ({ id, createdMicros: BigInt(micros) }));
  return pageOf(rows, stretch);
}

/** A page of the errors of each of many jobs that the viewer was shown, in the order it happened. */
export async function jobErrorPages(
  db: Queryable,
  jobIds: readonly string[],
  stretch: Stretch<bigint>,
): Promise<ReadonlyMap<string, Page<JobErrorRow>>> {
  const statement = params([jobIds]);
  const bound = (key: bigint | null) =>
    key === null ? null : [statement.add(String(key), 'bigint')];
  const bounds = { after: bound(stretch.after), before: bound(stretch.before) };
  const { where, tail } = stretchSql(['e.key'], bounds, stretch);
  const result = await db.query<Omit<JobErrorRow, 'key'> & { readonly key: string }>(
    `select error.*
     from unnest($1::uuid[]) as parent (id)
     cross join lateral (
       select e.key, e.job_id as "jobId", e.code, e.message, e.subject, e.line
       from job_error e where e.job_id = parent.id ${where} ${tail}
     ) error
     order by error.key ${stretch.fromEnd ? 'desc' : ''}`,
    statement.values,
  );
  const rows = result.rows.map((row) => ({ ...row, key: BigInt(row.key) }));
  return pagesOf(rows, ({ jobId }) => jobId, stretch);
}
