import { graphql } from '../../../generated/gql/gql.ts';
import type { Call } from '../command.ts';
import { done } from '../confirm.ts';
import { Failure } from '../failure.ts';
import { errorsOf, followJob, type Standing } from './job.ts';
import type { Report } from './report.ts';

const migrate = graphql(`
  mutation CliMigrate($input: MigrateEnrollmentsInput!) {
    migrateEnrollments(input: $input) {
      __typename
      ... on MigrateEnrollmentsPayload {
        job {
          jobId
        }
        cursor
      }
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

/**
 * Has the server import what was uploaded, or only try it, and tells what it does not take.
 * @throws {Failure} it cannot be imported at all
 */
export async function importUpload(
  call: Pick<Call, 'io' | 'out' | 'connect'>,
  uploadId: string,
  { isTrial, tenant }: { readonly isTrial: boolean; readonly tenant: string | undefined },
  report: Report,
): Promise<Standing> {
  const input = { uploadId, validateOnly: isTrial, ...(tenant !== undefined && { tenant }) };
  const { migrateEnrollments } = await call.connect().mutate(migrate, { input });
  const { job, cursor } = done(migrateEnrollments);
  if (!job) throw new Failure('FORBIDDEN', 'This token may not read jobs (jobs:read).');
  await followJob(call, { jobId: job.jobId, cursor }, isTrial ? 'tried' : 'imported');
  return await errorsOf(call, job.jobId, ({ line, code, subject: id, message }) =>
    report.tell({ what: 'refused', id, code, message, line }),
  );
}
