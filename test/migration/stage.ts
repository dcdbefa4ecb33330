import { bySse } from '../graph/subscribe.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { adminToken, type TestServer } from '../harness/server.ts';
import { createUpload, job, migrate, progress } from './documents.ts';

/** A line of a file: a record, or a text as it is. */
export type Line = object | string;

export interface LineError {
  readonly line: number | null;
  readonly code: string;
  readonly subject: string | null;
}

/** How an import went. */
export interface Imported {
  readonly jobId: string;
  readonly state: string;
  readonly done: number;
  readonly failed: number;
  readonly total: number | null;
  readonly errors: readonly LineError[];
  /** The stream's position before it. */
  readonly cursor: string;
}

type At = Pick<TestServer, 'url'>;

export const graphOf = ({ url }: At) => ({
  url: `${url}/graphql`,
  wsUrl: `${url}/graphql`.replace('http', 'ws'),
});

/** Sends a file. @returns the upload's id */
export async function send(
  server: At,
  lines: readonly Line[],
  token = adminToken,
): Promise<string> {
  const { createUpload: made } = await dataOf(
    ask(graphOf(server), token, createUpload, { input: {} }),
  );
  if (made.__typename !== 'CreateUploadPayload') throw new Error(JSON.stringify(made));
  const body = lines
    .map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
    .join('\n');
  const response = await fetch(`${server.url}${made.url}`, {
    method: 'PUT',
    headers: { Authorization: `Bearer ${token}` },
    body,
  });
  if (response.status !== 200) throw new Error(await response.text());
  return made.uploadId;
}

/** Asks for an import. @returns its job and the stream's position before it */
export async function begin(
  server: At,
  uploadId: string,
  more: { readonly validateOnly?: boolean; readonly tenant?: string } = {},
  token = adminToken,
): Promise<{ readonly jobId: string; readonly cursor: string }> {
  const { migrateEnrollments: answer } = await dataOf(
    ask(graphOf(server), token, migrate, { input: { uploadId, validateOnly: false, ...more } }),
  );
  if (answer.__typename !== 'MigrateEnrollmentsPayload' || !answer.job) {
    throw new Error(JSON.stringify(answer));
  }
  return { jobId: answer.job.jobId, cursor: answer.cursor };
}

/** Waits for a job's end, by its events. */
export async function ended(
  server: At,
  { jobId, cursor }: { readonly jobId: string; readonly cursor: string },
): Promise<Imported> {
  const stream = await bySse(graphOf(server), adminToken, progress, {
    job: jobId,
    after: cursor,
  });
  try {
    for (;;) {
      const { value, done } = await stream.next();
      if (done || value.data === undefined) throw new Error(JSON.stringify(value ?? 'ended'));
      const { jobProgress: item } = value.data;
      if (item.__typename !== 'JobProgressedEvent') continue;
      if (['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(item.state ?? '')) break;
    }
  } finally {
    await stream.close();
  }
  return standing(server, jobId, cursor);
}

/** A job with all its errors. */
export async function standing(server: At, jobId: string, cursor: string): Promise<Imported> {
  const errors: LineError[] = [];
  for (let after: string | null = null; ; ) {
    const found: Awaited<ReturnType<typeof jobPage>> = await jobPage(server, jobId, after);
    errors.push(
      ...found.errors.edges.map(({ node: { line, code, subject } }) => ({ line, code, subject })),
    );
    if (found.errors.pageInfo.hasNextPage) {
      after = found.errors.pageInfo.endCursor ?? null;
      continue;
    }
    const { state, done, failed, total } = found;
    return { jobId, state, done, failed, total, errors, cursor };
  }
}

async function jobPage(server: At, id: string, after: string | null) {
  const { job: found } = await dataOf(ask(graphOf(server), adminToken, job, { id, after }));
  if (!found) throw new Error(`there is no job ${id}`);
  return found;
}

/** Sends a file and imports it. */
export async function bringIn(
  server: At,
  lines: readonly Line[],
  more: { readonly validateOnly?: boolean; readonly tenant?: string } = {},
): Promise<Imported> {
  return ended(server, await begin(server, await send(server, lines), more));
}
