import { graphql } from '../../../generated/gql/gql.ts';
import type { Client } from '../../sdk/client.ts';
import type { Call } from '../command.ts';
import { exit } from '../exit.ts';
import { Failure } from '../failure.ts';
import { jobShape } from './shape.ts';

const document = graphql(`
  query CliJob($id: ID!) {
    job(id: $id) {
      ...CliJobFields
    }
  }
`);

const ended: readonly string[] = ['SUCCEEDED', 'FAILED', 'CANCELLED'];

/** The job as it stands. @throws {Failure} there is none */
export async function jobOf(mdm: Client, id: string) {
  const { job } = await mdm.query(document, { id });
  if (job) return job;
  throw new Failure('NOT_FOUND', `There is no job ${id} for this token.`, {
    advice: '`graphmdm jobs list` lists them.',
  });
}

/**
 * Waits for a job's end, with a bar on a terminal.
 * @param cursor  a position from before it was last looked at
 * @param isShown whether it is printed at its end
 * @returns the status to exit with
 */
export async function jobWatched(
  { io, out }: Pick<Call, 'io' | 'out'>,
  mdm: Client,
  id: string,
  cursor: string,
  isShown: boolean,
): Promise<number> {
  let last = cursor;
  let job = await jobOf(mdm, id);
  await out.progress.show(job.done, job.total, `${job.kind} ${job.state}`);
  if (!ended.includes(job.state)) {
    const items = mdm.jobProgress({
      job: id,
      after: cursor,
      checkpoints: true,
      untilDone: true,
      signal: io.interrupted,
    });
    for await (const item of items) {
      last = item.cursor;
      if (item.__typename === 'Checkpoint') continue;
      const failures = item.failed ? `, ${item.failed} failed` : '';
      await out.progress.show(item.done ?? 0, item.total, `${item.kind} ${item.state}${failures}`);
    }
    await out.progress.clear();
    if (io.interrupted.aborted) {
      await out.note(`Stopped; the job goes on. Go on with: graphmdm jobs watch ${id}`);
      await out.note(`Its events: graphmdm events tail --types JobProgressed --after ${last}`);
      return exit.interrupted;
    }
    job = await jobOf(mdm, id);
  }
  await out.progress.clear();
  if (isShown) await out.item(jobShape, job);
  if (job.state === 'SUCCEEDED') return job.failed > 0 ? exit.partly : exit.ok;
  await out.note(`The job is ${job.state}${job.message ? `: ${job.message}` : ''}.`);
  return exit.failed;
}
