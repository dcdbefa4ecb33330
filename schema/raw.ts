import { redact } from '../server/catalogue/redact.ts';
import { bodyHasSecrets, resultHasSecrets } from '../server/catalogue/secret-bearing.ts';
import type { Viewer } from '../server/model/viewer.ts';
import { type ResultKey, type ResultRow, resultKey } from '../server/store/read/results.ts';
import { batched } from './batch.ts';
import type { GraphContext, PlistValue } from './context.ts';

/** A command as its bytes are read from the database. */
export interface StoredBody {
  readonly uuid: string;
  readonly tenantId: number;
  readonly requestType: string;
  readonly body: Uint8Array;
  readonly bodySealed: boolean;
}

/** The bytes of a command, without the secrets that the viewer may not see. */
export function shownBody(context: GraphContext, command: StoredBody): Buffer {
  const bytes = context.open.commandBody({
    bytes: command.body,
    sealed: command.bodySealed,
    commandUuid: command.uuid,
    tenantId: command.tenantId,
  });
  const { requestType } = command;
  if (seesSecrets(context.viewer) || !bodyHasSecrets(requestType)) return bytes;
  return context.plist.build(redact(context.plist.parse(bytes), requestType, 'body'));
}

/** The bytes of a device's report, without the secrets that the viewer may not see. */
export async function shownResult(context: GraphContext, row: ResultRow): Promise<Buffer | null> {
  if (seesSecrets(context.viewer) || !resultHasSecrets(row.requestType)) {
    return reportOf(context, row);
  }
  const value = await shownDecoded(context, row);
  return value === null ? null : context.plist.build(value);
}

/**
 * A device's report decoded, without the secrets that the viewer may not see.
 * @returns null when there is no report, or none that is a property list
 */
export async function shownDecoded(
  context: GraphContext,
  row: ResultRow,
): Promise<PlistValue | null> {
  const value = await decodedReportOf(context, row);
  if (value === null || seesSecrets(context.viewer) || !resultHasSecrets(row.requestType)) {
    return value;
  }
  return redact(value, row.requestType, 'result');
}

function seesSecrets(viewer: Viewer): boolean {
  return viewer.scopes.has('secrets:read');
}

const storedReport = batched<ResultKey, Buffer, null>((context, keys) =>
  context.lists.resultBytes(context.viewer, keys),
);

// What several fields of a row need, or several subscribers of one event, is read and decoded once.
// It goes with the row.
const reports = new WeakMap<ResultRow, Promise<Buffer | null>>();
const decoded = new WeakMap<ResultRow, Promise<PlistValue | null>>();

function reportOf(context: GraphContext, row: ResultRow): Promise<Buffer | null> {
  const known = reports.get(row);
  if (known) return known;
  const report = openReport(context, row);
  reports.set(row, report);
  return report;
}

async function openReport(context: GraphContext, row: ResultRow): Promise<Buffer | null> {
  const bytes = await storedReport(context, 'report', resultKey(row), null);
  if (bytes === undefined) return null;
  const { enrollmentId, commandUuid } = row;
  return context.open.result({ bytes, enrollmentId, commandUuid });
}

function decodedReportOf(context: GraphContext, row: ResultRow): Promise<PlistValue | null> {
  const known = decoded.get(row);
  if (known) return known;
  const value = decodeReport(context, row);
  decoded.set(row, value);
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
