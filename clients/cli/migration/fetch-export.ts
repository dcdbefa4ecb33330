import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';
import { graphql } from '../../../generated/gql/gql.ts';
import type { TargetsInput } from '../../../generated/gql/graphql.ts';
import { graphUrl } from '../../sdk/url.ts';
import type { Call } from '../command.ts';
import { done } from '../confirm.ts';
import { Failure } from '../failure.ts';
import { followJob } from './job.ts';

const exportEnrollments = graphql(`
  mutation CliExport($input: ExportEnrollmentsInput!) {
    exportEnrollments(input: $input) {
      __typename
      ... on ExportEnrollmentsPayload {
        job {
          jobId
        }
        url
        cursor
        targetCount
      }
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

/** An export that is ready to be fetched. */
export interface Exported {
  readonly url: string;
  readonly targetCount: number;
}

/** Has an export made. @throws {Failure} */
export async function makeExport(
  call: Pick<Call, 'io' | 'out' | 'connect'>,
  targets: TargetsInput,
): Promise<Exported> {
  const input = { targets, channels: 'ALL', validateOnly: false } as const;
  const { exportEnrollments: answer } = await call.connect().mutate(exportEnrollments, { input });
  const { job, url, cursor, targetCount } = done(answer);
  if (!job || url === null) {
    throw new Failure('FORBIDDEN', 'This token may not read jobs (jobs:read).');
  }
  await followJob(call, { jobId: job.jobId, cursor }, 'exported');
  return { url, targetCount };
}

/** The lines of an export, as they arrive. @throws {Failure} it is not given, or was cut */
export async function* exportLines(
  { io, server }: Pick<Call, 'io' | 'server'>,
  path: string,
): AsyncGenerator<string> {
  const { url: at, token } = server();
  const target = new URL(path, graphUrl(at));
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = {
      headers: { Authorization: `Bearer ${token}`, 'Accept-Encoding': 'gzip' },
      signal: io.interrupted,
    };
    const make = target.protocol === 'https:' ? httpsRequest : httpRequest;
    make(target, options, resolve).once('error', reject).end();
  });
  if (response.statusCode !== 200) {
    throw new Failure(
      'EXPORT_REFUSED',
      `The server does not give the export: ${await text(response)}`,
    );
  }
  const isCompressed = response.headers['content-encoding'] === 'gzip';
  const plain = isCompressed ? response.pipe(createGunzip()) : response;
  // A pipe does not hand on that its beginning was cut.
  response.once('error', (error) => plain.destroy(error));
  yield* createInterface({ input: plain, crlfDelay: Infinity });
  if (!response.complete) throw new Failure('EXPORT_CUT', 'The export did not arrive whole.');
}
