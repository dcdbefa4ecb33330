import { graphql } from '../../../generated/gql/gql.ts';
import type { CliJobErrorsQuery } from '../../../generated/gql/graphql.ts';
import type { Call } from '../command.ts';
import { Failure } from '../failure.ts';

const jobErrors = graphql(`
  query CliJobErrors($job: ID!, $after: String) {
    job(id: $job) {
      state
      done
      failed
      total
      errors(first: 100, after: $after) {
        edges {
          node {
            line
            code
            subject
            message
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

const cancel = graphql(`
  mutation CliEndMigration($input: JobInput!) {
    cancelJob(input: $input) {
      __typename
    }
  }
`);

/** A job that was asked for, and the position before it. */
export interface Asked {
  readonly jobId: string;
  readonly cursor: string;
}

type Found = NonNullable<CliJobErrorsQuery['job']>;
export type JobError = Found['errors']['edges'][number]['node'];
export type Standing = Pick<Found, 'state' | 'done' | 'failed' | 'total'>;

/**
 * Follows a job to its end, with a bar; Ctrl-C cancels it.
 * @param note  behind the bar
 * @throws {Failure} it failed, or was cancelled
 */
export async function followJob(
  { io, out, connect }: Pick<Call, 'io' | 'out' | 'connect'>,
  { jobId, cursor }: Asked,
  note: string,
): Promise<void> {
  const mdm = connect();
  const items = mdm.jobProgress({
    job: jobId,
    after: cursor,
    untilDone: true,
    signal: io.interrupted,
  });
  let state: string | null = null;
  await out.progress.show(0, null, note);
  for await (const item of items) {
    if (item.__typename !== 'JobProgressedEvent') continue;
    state = item.state;
    const failed = (item.failed ?? 0) > 0 ? `, ${item.failed} failed` : '';
    await out.progress.show((item.done ?? 0) + (item.failed ?? 0), item.total, `${note}${failed}`);
  }
  await out.progress.clear();
  if (io.interrupted.aborted) {
    await mdm.mutate(cancel, { input: { jobId } });
    await out.note(`The job ${jobId} was cancelled. Run it again to go on: what is there stays.`);
    io.interrupted.throwIfAborted();
  }
  if (state === 'SUCCEEDED') return;
  throw new Failure('JOB_ENDED', `The job ${jobId} ended as ${String(state)}.`, {
    advice: 'What had come in stays. Run it again to go on.',
  });
}

/** How a job stands, and each of its errors, a page at a time. */
export async function errorsOf(
  { connect }: Pick<Call, 'connect'>,
  jobId: string,
  each: (error: JobError) => Promise<void>,
): Promise<Standing> {
  let after: string | null = null;
  for (;;) {
    const { job }: CliJobErrorsQuery = await connect().query(jobErrors, { job: jobId, after });
    if (!job) throw new Failure('NOT_FOUND', `There is no job ${jobId} for this token.`);
    for (const { node } of job.errors.edges) await each(node);
    if (!job.errors.pageInfo.hasNextPage) return job;
    after = job.errors.pageInfo.endCursor;
  }
}
