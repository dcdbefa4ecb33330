import { setImmediate as breathe } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import { z } from 'zod';
import { newTraceId } from '../../model/trace.ts';
import { appendJobErrors, jobGoesOn, saveJob } from '../../store/jobs/jobs.ts';
import { Overtaken } from '../../store/migration/enrollments.ts';
import {
  namesInFile,
  type PlacedRecord,
  placeRecords,
  type Position,
  recordsAfter,
} from '../../store/migration/records.ts';
import { withTransaction } from '../../store/transaction.ts';
import { linesAfter, theseLines, type UploadLine } from '../../store/uploads/uploads.ts';
import type { MdmContext } from '../context.ts';
import { uploadLinePlace } from '../uploads/receive.ts';
import { type Decoded, decodeLine, RecordProblem } from './decode.ts';
import { gather, type LineError, type Numbered } from './gather.ts';
import { importEnrollments } from './import-enrollments.ts';
import { importResults } from './import-results.ts';
import { importShared } from './import-shared.ts';
import { type MigrationJobInput, migrationJobInput } from './job-input.ts';
import type { ImportRun } from './run.ts';
import { markOf, phases, placeOf } from './sort.ts';

/** The parts of a running job that an import needs; the engine gives it. */
export interface MigrationJob {
  readonly id: string;
  readonly holder: string;
  readonly input: unknown;
  readonly cursor: unknown;
  readonly createdBy: string;
  readonly signal: AbortSignal;
}

/** What one transaction works on: devices wait for it, if it is they who are imported. */
const page = { lines: 500, bytes: 8 * 1024 * 1024 };

/** A device with more records than this is worked on in parts. */
const largestGroup = 50_000;

/** How long lines are read in one go, in milliseconds: the event loop has others to serve. */
const goes = 8;

/** Phase 0 finds out where lines belong; then come those of `phases`. */
const cursorShape = z.object({ phase: z.number(), place: z.string(), line: z.number() });
type Cursor = z.output<typeof cursorShape>;

/** A page that was worked on. */
interface PageDone {
  readonly next: Cursor;
  readonly done: number;
  readonly errors: readonly LineError[];
}

/**
 * Imports an upload, in pages: each is one transaction, with the job's cursor, its counts and its errors
 * in it. So a process that dies in the middle leaves whole pages, and the next goes on behind the last.
 *
 * First every line is read, and noted where it belongs; then commands and push certificates come in, then
 * devices with all that belongs to each, then history. A trial run does it all and takes it back.
 */
export async function runMigrationJob(ctx: MdmContext, job: MigrationJob): Promise<void> {
  const input = migrationJobInput.parse(job.input);
  let cursor: Cursor | null =
    job.cursor === null ? { phase: 0, place: '', line: 0 } : cursorShape.parse(job.cursor);
  while (cursor !== null && cursor.phase <= phases.results && !job.signal.aborted) {
    cursor = await nextPage(ctx, job, input, cursor);
    ctx.committed();
  }
}

/** @returns null when the job may not go on here */
async function nextPage(
  ctx: MdmContext,
  job: MigrationJob,
  input: MigrationJobInput,
  cursor: Cursor,
): Promise<Cursor | null> {
  const prepared = await prepare(ctx, job, input, cursor);
  for (let attempt = 1; ; attempt++) {
    try {
      return await withTransaction(ctx.graph, async (client) => {
        if (!(await jobGoesOn(client, job.id, job.holder))) return null;
        const { next, done, errors } = await prepared(client);
        await appendJobErrors(client, job.id, errors);
        await saveJob(client, job.id, job.holder, { cursor: next, done, failed: errors.length });
        return next;
      });
    } catch (error) {
      if (!(error instanceof Overtaken) || attempt >= 5) throw error;
    }
  }
}

type Prepared = (client: PoolClient) => Promise<PageDone>;

function prepare(
  ctx: MdmContext,
  job: MigrationJob,
  input: MigrationJobInput,
  cursor: Cursor,
): Promise<Prepared> {
  return cursor.phase === 0
    ? prepareSorting(ctx, job, input, cursor)
    : preparePhase(ctx, job, input, cursor);
}

async function prepareSorting(
  ctx: MdmContext,
  job: MigrationJob,
  { uploadId }: MigrationJobInput,
  cursor: Cursor,
): Promise<Prepared> {
  const lines = await linesAfter(ctx.graph, uploadId, cursor.line, page);
  const last = lines.at(-1);
  if (last === undefined) {
    return async () => ({ next: { phase: 1, place: '', line: 0 }, done: 0, errors: [] });
  }
  const { records, problems } = await decodeAll(ctx, uploadId, lines);
  const sizes = new Map(lines.map(({ line, content }) => [line, content.length]));
  const placed = [
    ...records.map(({ line, decoded }) => placeOf(decoded, line, sizes.get(line) ?? 0)),
    ...problems.flatMap(({ line, problem }) => markOf(problem, line) ?? []),
  ];
  const errors = problems.map(({ line, problem }) => ({
    line,
    code: problem.code,
    message: problem.message,
    subject: problem.enrollment,
  }));
  return async (client) => {
    await placeRecords(client, job.id, placed);
    return { next: { phase: 0, place: '', line: last.line }, done: 0, errors };
  };
}

async function preparePhase(
  ctx: MdmContext,
  job: MigrationJob,
  { uploadId, tenantId, validateOnly }: MigrationJobInput,
  cursor: Cursor,
): Promise<Prepared> {
  const { phase } = cursor;
  const placed = await placedPage(ctx, job.id, phase, cursor);
  const last = placed.at(-1);
  if (last === undefined) {
    return async () => ({ next: { phase: phase + 1, place: '', line: 0 }, done: 0, errors: [] });
  }
  const good = placed.filter(({ bad }) => !bad);
  const lines = await theseLines(
    ctx.graph,
    uploadId,
    good.map(({ line }) => line),
  );
  const { records } = await decodeAll(ctx, uploadId, lines);
  const decodedOf = new Map(records.map((record) => [record.line, record]));
  const inOrder = good.flatMap(({ line }) => decodedOf.get(line) ?? []);
  const heldBack = new Map(placed.filter(({ bad }) => bad).map(({ name, line }) => [name, line]));
  const next = { phase, place: last.place, line: last.line };

  return async (client) => {
    const inFile = (of: number) => (names: readonly string[]) =>
      validateOnly ? namesInFile(client, job.id, of, names) : Promise.resolve(new Set<string>());
    const run: ImportRun = {
      tenantId,
      actor: job.createdBy,
      jobId: job.id,
      at: ctx.clock.now(),
      traceId: newTraceId(),
      commandsInFile: inFile(phases.shared),
    };
    if (validateOnly) await client.query('savepoint trial');
    const errors = await bringIn(client, run, inFile(phases.enrollments));
    if (validateOnly) await client.query('rollback to savepoint trial');
    return { next, done: good.length - errors.length, errors };
  };

  async function bringIn(
    client: PoolClient,
    run: ImportRun,
    enrollmentsInFile: (ids: readonly string[]) => Promise<ReadonlySet<string>>,
  ): Promise<readonly LineError[]> {
    if (phase === phases.shared) return importShared(ctx, client, inOrder, tenantId, run);
    if (phase === phases.results) {
      return importResults(ctx, client, inOrder, tenantId, { ...run, enrollmentsInFile });
    }
    const errors: LineError[] = [];
    const sets = gather(inOrder, errors);
    const imported = await importEnrollments(ctx, client, sets, heldBack, run);
    return [...errors, ...imported.errors];
  }
}

/** The next records of a phase: whole devices, and no more bytes than fit a page. */
async function placedPage(
  ctx: MdmContext,
  jobId: string,
  phase: number,
  after: Position,
): Promise<readonly PlacedRecord[]> {
  const found = await recordsAfter(ctx.graph, jobId, phase, after, page.lines);
  if (phase !== phases.enrollments) return upToBytes(found, ({ line }) => String(line));
  if (found.length < page.lines) return upToBytes(found, ({ place }) => place);
  const last = found.at(-1)?.place;
  const whole = found.filter(({ place }) => place !== last);
  if (whole.length > 0) return upToBytes(whole, ({ place }) => place);
  const group = await recordsAfter(ctx.graph, jobId, phase, after, largestGroup);
  return group.filter(({ place }) => place === last);
}

/** As many groups as a page's bytes allow, one at least. */
function upToBytes(
  records: readonly PlacedRecord[],
  groupOf: (record: PlacedRecord) => string,
): readonly PlacedRecord[] {
  const first = records[0];
  if (first === undefined) return [];
  let bytes = 0;
  let end = 0;
  for (const [index, record] of records.entries()) {
    const begins = index > 0 && groupOf(record) !== groupOf(records[index - 1] ?? first);
    if (begins && bytes > page.bytes) return records.slice(0, end);
    bytes += record.bytes;
    end = index + 1;
  }
  return records;
}

async function decodeAll(
  ctx: MdmContext,
  uploadId: string,
  lines: readonly UploadLine[],
): Promise<{
  readonly records: readonly Numbered[];
  readonly problems: readonly { readonly line: number; readonly problem: RecordProblem }[];
}> {
  const records: Numbered[] = [];
  const problems: { line: number; problem: RecordProblem }[] = [];
  const now = ctx.clock.now();
  let since = performance.now();
  for (const { line, content } of lines) {
    const read = readLine(ctx.keyring.open(uploadLinePlace(uploadId, line), content), now);
    if (read instanceof RecordProblem) problems.push({ line, problem: read });
    else records.push({ line, decoded: read });
    if (performance.now() - since < goes) continue;
    await breathe();
    since = performance.now();
  }
  return { records, problems };
}

function readLine(bytes: Buffer, now: Date): Decoded | RecordProblem {
  try {
    return decodeLine(bytes, now);
  } catch (error) {
    if (error instanceof RecordProblem) return error;
    throw error;
  }
}
