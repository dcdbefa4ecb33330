import { redactCheckIn } from '../server/catalogue/redact.ts';
import { checkInHasSecrets } from '../server/catalogue/secret-bearing.ts';
import { beside } from '../server/model/beside.ts';
import type { CheckInRow } from '../server/store/read/check-ins.ts';
import { batched } from './batch.ts';
import type { GraphContext, PlistValue } from './context.ts';
import { auditRead, seesSecrets } from './secret-read.ts';

/** The bytes of a check-in, without the secrets that the viewer may not see. */
export async function shownCheckIn(context: GraphContext, row: CheckInRow): Promise<Buffer | null> {
  if (checkInHasSecrets(row.messageType) && !seesSecrets(context.viewer)) {
    const value = await decodedCheckInOf(context, row);
    return value === null ? null : context.plist.build(redactCheckIn(value));
  }
  const bytes = await checkInOf(context, row);
  if (bytes !== null) await audited(context, row);
  return bytes;
}

/**
 * A check-in decoded, without the secrets that the viewer may not see.
 * @returns null when its bytes have gone or are no property list
 */
export async function shownDecodedCheckIn(
  context: GraphContext,
  row: CheckInRow,
): Promise<PlistValue | null> {
  const value = await decodedCheckInOf(context, row);
  if (value === null) return null;
  if (checkInHasSecrets(row.messageType) && !seesSecrets(context.viewer)) {
    return redactCheckIn(value);
  }
  await audited(context, row);
  return value;
}

async function audited(context: GraphContext, row: CheckInRow): Promise<void> {
  const { enrollmentId, id: checkInId, messageType } = row;
  if (!checkInHasSecrets(messageType)) return;
  await auditRead(context, { what: 'checkIn', enrollmentId, checkInId, messageType });
}

const storedCheckIn = batched<string, Buffer, null>((context, ids) =>
  context.lists.checkInBytes(context.viewer, ids),
);

// Read and decoded once for all fields of a row; it goes with the row.
const opened = beside<CheckInRow, Promise<Buffer | null>>();
const decoded = beside<CheckInRow, Promise<PlistValue | null>>();

function checkInOf(context: GraphContext, row: CheckInRow): Promise<Buffer | null> {
  const known = opened.of(row);
  if (known) return known;
  const message = openCheckIn(context, row);
  opened.keep(row, message);
  return message;
}

async function openCheckIn(context: GraphContext, { id }: CheckInRow): Promise<Buffer | null> {
  const bytes = await storedCheckIn(context, 'check-in', id, null);
  return bytes === undefined ? null : context.open.checkIn({ id, bytes });
}

function decodedCheckInOf(context: GraphContext, row: CheckInRow): Promise<PlistValue | null> {
  const known = decoded.of(row);
  if (known) return known;
  const value = decodeCheckIn(context, row);
  decoded.keep(row, value);
  return value;
}

async function decodeCheckIn(context: GraphContext, row: CheckInRow): Promise<PlistValue | null> {
  const bytes = await checkInOf(context, row);
  if (bytes === null) return null;
  try {
    return context.plist.parse(bytes);
  } catch (error) {
    const { enrollmentId, id } = row;
    context.log.warn({ enrollmentId, checkIn: id, error }, 'a stored check-in cannot be decoded');
    return null;
  }
}
