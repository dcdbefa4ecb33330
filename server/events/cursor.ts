import { CursorError } from '../model/errors.ts';

/** In place of a cursor: from the oldest event that is kept. */
export const EARLIEST = 'EARLIEST';

const version = 1;
const byteLength = 1 + 16 + 8;

/** The part of the stream's state that cursors are judged by. */
export interface StreamBounds {
  readonly id: string;
  readonly lastSeq: bigint;
  readonly oldestSeq: bigint;
}

/**
 * The opaque text for "everything up to this number has been seen": a version byte, the stream's
 * UUID and the number, in base64url (34 characters).
 */
export function encodeCursor(streamId: string, seq: bigint): string {
  const bytes = Buffer.alloc(byteLength);
  bytes.writeUInt8(version, 0);
  bytes.write(streamId.replaceAll('-', ''), 1, 'hex');
  bytes.writeBigUInt64BE(seq, 17);
  return bytes.toString('base64url');
}

/**
 * Takes a cursor apart.
 * @throws {CursorError} CURSOR_INVALID: this program never made it
 */
export function decodeCursor(cursor: string): { streamId: string; seq: bigint } {
  const bytes = Buffer.from(cursor, 'base64url');
  // Node skips what is not base64, so only a text that comes out the same is one of ours.
  const known = bytes.length === byteLength && bytes[0] === version;
  if (!known || bytes.toString('base64url') !== cursor) {
    throw new CursorError('CURSOR_INVALID', 'This is not a cursor of this server.');
  }
  const hex = bytes.toString('hex', 1, 17);
  const streamId = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
  return { streamId, seq: bytes.readBigUInt64BE(17) };
}

/** The cursor in front of the oldest event that is kept. */
export function earliestCursor(stream: StreamBounds): string {
  return encodeCursor(stream.id, stream.oldestSeq - 1n);
}

/**
 * Holds a position against the stream as it is now.
 * @throws {CursorError} CURSOR_OTHER_STREAM, CURSOR_AHEAD or CURSOR_EXPIRED, each with the oldest
 *   cursor that works
 */
export function checkPosition(streamId: string, seq: bigint, stream: StreamBounds): void {
  if (streamId !== stream.id) {
    throw new CursorError(
      'CURSOR_OTHER_STREAM',
      'This cursor belongs to another stream of events: the database was restored or replaced.',
      earliestCursor(stream),
    );
  }
  if (seq > stream.lastSeq) {
    throw new CursorError(
      'CURSOR_AHEAD',
      'This cursor lies behind the newest event.',
      earliestCursor(stream),
    );
  }
  if (seq < stream.oldestSeq - 1n) {
    throw new CursorError(
      'CURSOR_EXPIRED',
      'Events after this cursor are no longer kept.',
      earliestCursor(stream),
    );
  }
}

/**
 * The number after which a subscriber wants events.
 * @param after a cursor, `EARLIEST`, or null for "from now"
 * @throws {CursorError} the cursor cannot be followed
 */
export function startPosition(after: string | null, stream: StreamBounds): bigint {
  if (after === null) return stream.lastSeq;
  if (after === EARLIEST) return stream.oldestSeq - 1n;
  const { streamId, seq } = decodeCursor(after);
  checkPosition(streamId, seq, stream);
  return seq;
}
