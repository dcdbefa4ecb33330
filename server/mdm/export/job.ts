import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { PoolClient } from 'pg';
import { z } from 'zod';
import { appendExportPage } from '../../store/export/pages.ts';
import {
  exportedCertificates,
  exportedCommands,
  exportedEnrollments,
  exportedPushCertificates,
  exportedQueue,
  exportedResults,
  type ExportSelection,
  lastMessages,
} from '../../store/export/read.ts';
import { jobGoesOn, saveJob } from '../../store/jobs/jobs.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import { readJobInput } from '../jobs/job-input.ts';
import { targetsJobInput } from '../jobs/job-targets.ts';
import {
  commandRecord,
  enrollmentRecords,
  pushCertificateRecord,
  resultRecord,
} from './records.ts';

/** The kind under which exports are jobs. */
export const exportJobKind = 'EXPORT';

/** The parts of a running job that an export needs; the engine gives it. */
export interface ExportJob {
  readonly id: string;
  readonly holder: string;
  readonly input: unknown;
  readonly cursor: unknown;
  readonly signal: AbortSignal;
}

const rows = { rows: 200, bytes: 4 * 1024 * 1024 };
const sizes = { enrollments: 200, commands: rows, results: rows };

// Commands last: what queues and results name is there then, also what came to be meanwhile.
const steps = ['pushCertificates', 'enrollments', 'results', 'commands', 'end'] as const;
const cursorShape = z.object({
  step: z.enum(steps),
  page: z.number(),
  after: z.string(),
  command: z.string(),
});
type Cursor = z.output<typeof cursorShape>;

const compressed = promisify(gzip);

/** Where a page of an export is bound to. */
export function exportPagePlace(jobId: string, page: number) {
  return { table: 'export_page', column: 'content', row: `${jobId}/${page}` };
}

/**
 * Writes an export, in pages of whole lines, each compressed by itself. Pages are read at their own times:
 * what changes meanwhile may be in it.
 */
export async function runExportJob(ctx: MdmContext, job: ExportJob): Promise<void> {
  const selection = readJobInput(targetsJobInput, job.input);
  let cursor: Cursor | null =
    job.cursor === null
      ? { step: 'pushCertificates', page: 0, after: '0', command: '0' }
      : cursorShape.parse(job.cursor);
  while (cursor !== null && cursor.step !== 'end' && !job.signal.aborted) {
    cursor = await nextPage(ctx, job, selection, cursor);
    ctx.committed();
  }
}

/** @returns null when the job may not go on here */
async function nextPage(
  ctx: MdmContext,
  job: ExportJob,
  selection: ExportSelection,
  cursor: Cursor,
): Promise<Cursor | null> {
  const { records, next, done } = await read(ctx, selection, cursor);
  const text = records.map((record) => `${JSON.stringify(record)}\n`).join('');
  const content = await compressed(text);
  const sealed = ctx.keyring.seal(exportPagePlace(job.id, cursor.page), content);
  return withTransaction(ctx.graph, async (client: PoolClient) => {
    if (!(await jobGoesOn(client, job.id, job.holder))) return null;
    await appendExportPage(client, job.id, cursor.page, sealed);
    await saveJob(client, job.id, job.holder, { cursor: next, done });
    return next;
  });
}

interface Page {
  readonly records: readonly object[];
  readonly next: Cursor;
  /** Enrolments in it. */
  readonly done: number;
}

async function read(ctx: MdmContext, selection: ExportSelection, cursor: Cursor): Promise<Page> {
  const { graph, keyring } = ctx;
  const page = cursor.page + 1;
  const step = steps[steps.indexOf(cursor.step) + 1] ?? 'end';
  const onward: Cursor = { step, page, after: '0', command: '0' };
  switch (cursor.step) {
    case 'pushCertificates': {
      const found = await exportedPushCertificates(graph, selection);
      const records = found.map((one) => pushCertificateRecord(keyring, one));
      return { records, next: onward, done: 0 };
    }
    case 'commands': {
      const found = await exportedCommands(graph, selection, cursor.after, sizes.commands);
      const records = found.map((one) => commandRecord(keyring, one));
      const last = found.at(-1);
      return {
        records,
        next: last === undefined ? onward : { ...cursor, page, after: last.key },
        done: 0,
      };
    }
    case 'enrollments': {
      const found = await exportedEnrollments(graph, selection, cursor.after, sizes.enrollments);
      const last = found.at(-1);
      if (last === undefined) return { records: [], next: onward, done: 0 };
      const keys = found.map(({ key }) => key);
      const messages = grouped(await lastMessages(graph, keys), (one) => one.enrollmentKey);
      const queue = grouped(await exportedQueue(graph, keys), (one) => one.enrollmentKey);
      const bound = await exportedCertificates(graph, keys);
      const certificates = grouped(bound, (one) => one.deviceKey);
      const records = found.flatMap((enrollment) =>
        enrollmentRecords(keyring, {
          enrollment,
          messages: messages.get(enrollment.key) ?? [],
          certificates: certificates.get(enrollment.key) ?? [],
          queue: queue.get(enrollment.key) ?? [],
        }),
      );
      return { records, next: { ...cursor, page, after: last.key }, done: found.length };
    }
    case 'results': {
      const after = { enrollment: cursor.after, command: cursor.command };
      const found = await exportedResults(graph, selection, after, sizes.results);
      const records = found.map((one) => resultRecord(keyring, one));
      const last = found.at(-1);
      return {
        records,
        next:
          last === undefined
            ? onward
            : { ...cursor, page, after: last.enrollmentKey, command: last.commandKey },
        done: 0,
      };
    }
    case 'end':
      return { records: [], next: onward, done: 0 };
  }
}

function grouped<T>(rows: readonly T[], by: (row: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(by(row)) ?? [];
    groups.set(by(row), group);
    group.push(row);
  }
  return groups;
}
