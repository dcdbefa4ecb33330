import type { Pool, PoolClient } from 'pg';
import type { TenantId } from '../../model/viewer.ts';

/** What a job is doing, as the graph says it. */
export type JobState = 'QUEUED' | 'RUNNING' | 'PAUSED' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';

/** A job as the process that runs it has it. */
export interface ClaimedJob {
  readonly id: string;
  readonly tenantId: TenantId | null;
  readonly kind: string;
  /** JSON, as it was asked for. */
  readonly input: unknown;
  /** JSON: where it goes on; null at its beginning. */
  readonly cursor: unknown;
  /** How many of its subjects are done. */
  readonly done: number;
  readonly createdBy: string;
  /** When it first ran, by the database's time: after the transaction that made it had committed. */
  readonly startedAt: Date;
}

/** A job to be made. */
export interface NewJob {
  readonly id: string;
  readonly tenantId: TenantId | null;
  readonly kind: string;
  readonly input: unknown;
  readonly total: number | null;
  readonly createdBy: string;
  /** Not to be run before. @default null: at once */
  readonly notBefore?: Date | null;
}

/** What a job's events show. */
const told = `jsonb_build_object('kind', kind, 'state', state, 'done', done, 'failed', failed, 'total', total)`;

/** The tenant of events about jobs over all tenants: none has it, so only viewers of all see them. */
const noTenant = 0;

/** Makes a job, in the caller's transaction; it can run once that has committed. */
export async function insertJob(client: Pick<PoolClient, 'query'>, job: NewJob): Promise<void> {
  await client.query(
    `insert into job (id, tenant_id, kind, input, total, created_by, lease_until)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [
      job.id,
      job.tenantId,
      job.kind,
      JSON.stringify(job.input),
      job.total,
      job.createdBy,
      job.notBefore ?? null,
    ],
  );
}

/**
 * Takes the oldest job that may run: a queued one whose time has come, or one whose process has lost its
 * lease.
 * @param holder names this run, and no other of the same job
 * @param seconds how long the lease lasts
 */
export async function claimJob(
  pool: Pool,
  holder: string,
  kinds: readonly string[],
  seconds: number,
): Promise<ClaimedJob | null> {
  const result = await pool.query<{
    id: string;
    tenant_id: number | null;
    kind: string;
    input: unknown;
    cursor: unknown;
    done: number;
    created_by: string;
    started_at: Date;
  }>({
    name: 'claim-job',
    text: `
with next as materialized (
  select id from job
  where state in ('QUEUED', 'RUNNING') and kind = any($2)
    and (lease_until is null or lease_until <= now())
  order by created_at limit 1
  for update skip locked
)
update job set state = 'RUNNING', holder = $1, lease_until = now() + make_interval(secs => $3),
  started_at = coalesce(started_at, now())
from next where job.id = next.id
returning job.id, tenant_id, kind, input, cursor, done, created_by, started_at`,
    values: [holder, kinds, seconds],
  });
  const row = result.rows[0];
  return row === undefined
    ? null
    : {
        id: row.id,
        tenantId: row.tenant_id,
        kind: row.kind,
        input: row.input,
        cursor: row.cursor,
        done: row.done,
        createdBy: row.created_by,
        startedAt: row.started_at,
      };
}

/** Keeps leases alive. @returns the holders that may go on */
export async function keepJobs(
  pool: Pool,
  holders: readonly string[],
  seconds: number,
): Promise<readonly string[]> {
  const result = await pool.query<{ holder: string }>({
    name: 'keep-jobs',
    text: `
update job set lease_until = now() + make_interval(secs => $2)
where holder = any($1) and state = 'RUNNING' returning holder`,
    values: [holders, seconds],
  });
  return result.rows.map((row) => row.holder);
}

/** Whether a job may go on here: not cancelled, paused, or taken over. */
export async function jobGoesOn(
  client: Pick<PoolClient, 'query'>,
  id: string,
  holder: string,
): Promise<boolean> {
  const result = await client.query({
    name: 'job-goes-on',
    text: `select 1 from job where id = $1 and holder = $2 and state = 'RUNNING'`,
    values: [id, holder],
  });
  return result.rows.length === 1;
}

/** What a job has got done since it last said so. */
export interface JobProgress {
  /** Where it goes on; absent leaves it. */
  readonly cursor?: unknown;
  readonly done?: number;
  readonly failed?: number;
  readonly total?: number;
}

/** Another run has taken a job over: what this one had under way must not stand, that one does it. */
export class JobTakenOver extends Error {
  override readonly name = 'JobTakenOver';
}

/** A job cannot go on, for a reason that whoever asked for it can understand. */
export class JobFailed extends Error {
  override readonly name = 'JobFailed';
  /** For programs: a stable word in capitals. */
  readonly code: string;

  /** @param message what is wrong and what to do; it is shown */
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Stores a job's progress and appends its event, in the caller's transaction. What is done is done, also
 * when the job was paused or cancelled meanwhile.
 * @returns whether it may go on here
 * @throws {JobTakenOver} so that the transaction is rolled back
 */
export async function saveJob(
  client: Pick<PoolClient, 'query'>,
  id: string,
  holder: string,
  progress: JobProgress,
): Promise<boolean> {
  const { cursor, done = 0, failed = 0, total = null } = progress;
  const result = await client.query<{ state: JobState }>({
    name: 'save-job',
    text: `
with saved as (
  update job set cursor = coalesce($3, cursor), done = done + $4, failed = failed + $5,
    total = coalesce($6, total), stalls = 0
  where id = $1 and holder = $2 and state in ('RUNNING', 'PAUSED', 'CANCELLED')
  returning *
), told as (
  insert into event (type, tenant_id, job_id, data)
  select 'JobProgressed', coalesce(tenant_id, ${noTenant}), id, ${told}
  from saved where $4 + $5 > 0 or $6 is not null
)
select state from saved`,
    values: [id, holder, cursor === undefined ? null : JSON.stringify(cursor), done, failed, total],
  });
  const saved = result.rows[0];
  if (saved === undefined) throw new JobTakenOver(`job ${id} is another run's now`);
  return saved.state === 'RUNNING';
}

/**
 * Ends a job, or puts it back, and appends its event. Nothing happens unless it still runs here. The
 * total of one that has come to its end is what it has met: subjects come and go while it works.
 * @param why is kept as the job's message, and with a code among its errors
 */
export async function leaveJob(
  pool: Pool,
  id: string,
  holder: string,
  state: 'SUCCEEDED' | 'FAILED' | 'QUEUED',
  why: { readonly message: string; readonly code?: string } | null = null,
): Promise<void> {
  await pool.query({
    name: 'leave-job',
    text: `
with left_job as (
  update job set state = $3, message = $4, holder = null, lease_until = null,
    finished_at = case when $3 = 'QUEUED' then null else now() end,
    total = case when $3 = 'SUCCEEDED' and total is not null then done + failed else total end
  where id = $1 and holder = $2 and state = 'RUNNING'
  returning *
), listed as (
  insert into job_error (job_id, code, message)
  select id, $5, $4 from left_job where $5::text is not null
)
insert into event (type, tenant_id, job_id, data)
select 'JobProgressed', coalesce(tenant_id, ${noTenant}), id, ${told} from left_job`,
    values: [id, holder, state, why?.message ?? null, why?.code ?? null],
  });
}

/**
 * Counts that a job was broken off for taking too long. It stays with its holder until the lease ends.
 * @returns how often in a row, without getting any further; 0 when it does not run here any more
 */
export async function countStall(pool: Pool, id: string, holder: string): Promise<number> {
  const result = await pool.query<{ stalls: number }>({
    name: 'count-stall',
    text: `
update job set stalls = stalls + 1
where id = $1 and holder = $2 and state = 'RUNNING' returning stalls`,
    values: [id, holder],
  });
  return result.rows[0]?.stalls ?? 0;
}

/**
 * A job's change of state that somebody asks for. Its holder stays, so that a run that is paused or
 * cancelled can still say what it had under way.
 */
export async function changeJobState(
  client: PoolClient,
  id: string,
  tenant: TenantId | null,
  from: readonly JobState[],
  to: 'CANCELLED' | 'PAUSED' | 'QUEUED',
  actor: string,
): Promise<{ readonly found: JobState | null; readonly changed: boolean }> {
  const known = await client.query<{ state: JobState }>(
    `select state from job where id = $1 and ($2::int is null or tenant_id = $2) for update`,
    [id, tenant],
  );
  const found = known.rows[0]?.state ?? null;
  if (found === null || !from.includes(found)) return { found, changed: false };
  await client.query(
    `
with changed as (
  update job set state = $2,
    lease_until = case when state = 'RUNNING' then null else lease_until end,
    finished_at = case when $2 = 'CANCELLED' then now() end
  where id = $1
  returning *
)
insert into event (type, tenant_id, actor, job_id, data)
select 'JobProgressed', coalesce(tenant_id, ${noTenant}), $3, id, ${told} from changed`,
    [id, to, actor],
  );
  return { found, changed: true };
}

/** Something that went wrong for one of a job's subjects. */
export interface NewJobError {
  readonly code: string;
  readonly message: string;
  /** What it was about, such as an enrolment's id or a line's number. */
  readonly subject: string | null;
  /** The line of a file that it was about. */
  readonly line?: number;
}

/** Lists what went wrong, in the order given. */
export async function appendJobErrors(
  client: Pick<PoolClient, 'query'>,
  jobId: string,
  errors: readonly NewJobError[],
): Promise<void> {
  if (errors.length === 0) return;
  await client.query({
    name: 'append-job-errors',
    text: `
insert into job_error (job_id, code, message, subject, line)
select $1, code, message, subject, line
from unnest($2::text[], $3::text[], $4::text[], $5::int[]) as e (code, message, subject, line)`,
    values: [
      jobId,
      errors.map((error) => error.code),
      errors.map((error) => error.message),
      errors.map((error) => error.subject),
      errors.map((error) => error.line ?? null),
    ],
  });
}

/** Deletes jobs that have ended longer ago than that, with what went wrong in them, a page at a time. */
export async function deleteOldJobs(pool: Pool, seconds: number): Promise<number> {
  const result = await pool.query(
    `
with old as materialized (
  select id from job where finished_at < now() - make_interval(secs => $1) limit 100
), errors as (
  delete from job_error using old where job_id = old.id
)
delete from job using old where job.id = old.id`,
    [seconds],
  );
  return result.rowCount ?? 0;
}
