import { redact } from '../server/catalogue/redact.ts';
import { bodyHasSecrets, resultHasSecrets } from '../server/catalogue/secret-bearing.ts';
import { beside } from '../server/model/beside.ts';
import { type ResultKey, type ResultRow, resultKey } from '../server/store/read/results.ts';
import { batched } from './batch.ts';
import type { GraphContext, PlistValue } from './context.ts';
import { auditRead, seesSecrets } from './secret-read.ts';

/** A command as its bytes are read from the database. */
export interface StoredBody {
  readonly uuid: string;
  readonly tenantId: number;
  readonly requestType: string;
  readonly body: Uint8Array;
  readonly bodySealed: boolean;
}

/** The bytes of a command, without the secrets that the viewer may not see. */
export async function shownBody(context: GraphContext, command: StoredBody): Promise<Buffer> {
  const bytes = context.open.commandBody({
    bytes: command.body,
    sealed: command.bodySealed,
    commandUuid: command.uuid,
    tenantId: command.tenantId,
  });
  const { uuid: commandUuid, requestType } = command;
  if (!bodyHasSecrets(requestType)) return bytes;
  if (!seesSecrets(context.viewer)) {
    return context.plist.build(redact(context.plist.parse(bytes), requestType, 'body'));
  }
  await auditRead(context, { what: 'commandBody', commandUuid, requestType });
  return bytes;
}

/** The bytes of a device's report, without the secrets that the viewer may not see. */
export async function shownResult(context: GraphContext, row: ResultRow): Promise<Buffer | null> {
  if (resultHasSecrets(row.requestType) && !seesSecrets(context.viewer)) {
    const value = await maskedDecoded(context, row);
    return value === null ? null : context.plist.build(value);
  }
  const bytes = await reportOf(context, row);
  if (bytes !== null) await auditResult(context, row);
  return bytes;
}

/**
 * A device's report decoded, without the secrets that the viewer may not see.
 * @returns null when there is no report, or none that is a property list
 */
export async function shownDecoded(
  context: GraphContext,
  row: ResultRow,
): Promise<PlistValue | null> {
  if (!seesSecrets(context.viewer)) return maskedDecoded(context, row);
  const value = await decodedReportOf(context, row);
  if (value !== null) await auditResult(context, row);
  return value;
}

/** A device's report decoded, without its secrets, whoever looks: for what is never secret in it. */
export async function maskedDecoded(
  context: GraphContext,
  row: ResultRow,
): Promise<PlistValue | null> {
  const value = await decodedReportOf(context, row);
  if (value === null || !resultHasSecrets(row.requestType)) return value;
  return redact(value, row.requestType, 'result');
}

async function auditResult(context: GraphContext, row: ResultRow): Promise<void> {
  const { enrollmentId, commandUuid, requestType } = row;
  if (!resultHasSecrets(requestType)) return;
  await auditRead(context, { what: 'result', enrollmentId, commandUuid, requestType });
}

const storedReport = batched<ResultKey, Buffer, null>((context, keys) =>
  context.lists.resultBytes(context.viewer, keys),
);

/** Reports that were read along with their rows, until somebody wants them. */
const alongside = beside<ResultRow, Buffer>();

/** Says what the stored report of a row is, so that it is not read again. */
export function reportReadAlong(row: ResultRow, report: Buffer): void {
  alongside.keep(row, report);
}

function readAlong(row: ResultRow): Buffer | undefined {
  const report = alongside.of(row);
  alongside.forget(row);
  return report;
}

// What several fields of a row need, or several subscribers of one event, is read and decoded once.
// It goes with the row.
const reports = beside<ResultRow, Promise<Buffer | null>>();
const decoded = beside<ResultRow, Promise<PlistValue | null>>();

function reportOf(context: GraphContext, row: ResultRow): Promise<Buffer | null> {
  const known = reports.of(row);
  if (known) return known;
  const report = openReport(context, row);
  reports.keep(row, report);
  return report;
}

async function openReport(context: GraphContext, row: ResultRow): Promise<Buffer | null> {
  const bytes = readAlong(row) ?? (await storedReport(context, 'report', resultKey(row), null));
  if (bytes === undefined) return null;
  const { enrollmentId, commandUuid } = row;
  return context.open.result({ bytes, enrollmentId, commandUuid });
}

function decodedReportOf(context: GraphContext, row: ResultRow): Promise<PlistValue | null> {
  const known = decoded.of(row);
  if (known) return known;
  const value = decodeReport(context, row);
  decoded.keep(row, value);
  return value;
}

async function decodeReport(context: GraphContext, row: ResultRow): Promise<PlistValue | null> {
  const bytes = await reportOf(context, row);
  if (bytes === null) return null;
  try {
    return context.plist.parse(bytes);
  } catch (error) {
    const { enrollmentId, commandUuid } = row;
    context.log.warn({ enrollmentId, commandUuid, error }, 'a stored report cannot be decoded');
    return null;
  }
}
