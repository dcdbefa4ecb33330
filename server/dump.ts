import { redact, redactCheckIn, redactCheckInReply } from './catalogue/redact.ts';
import type { Dump } from './http/device.ts';
import type { Log } from './model/log.ts';
import { buildPlist } from './protocol/plist/build.ts';
import { parsePlist } from './protocol/plist/parse.ts';
import { type PlistValue, isPlistDict } from './protocol/plist/value.ts';

/**
 * Writes every device message and its answer to the log, secrets masked: what does not parse is told
 * by its length only.
 */
export function createDump(log: Log): Dump {
  const dump = writer(log);
  return (what) => {
    try {
      dump(what);
    } catch (error) {
      // Looking on must never change what a device gets.
      log.warn({ traceId: what.traceId, err: error }, 'a message could not be dumped');
    }
  };
}

function writer(log: Log): Dump {
  return ({ traceId, direction, kind, message, answer }) => {
    const asked = read(message);
    if (direction === 'in') {
      const masked =
        kind === 'check-in' ? redactCheckIn : (value: PlistValue) => redact(value, null, 'result');
      log.info({ traceId, direction, kind, plist: show(asked, masked, message) }, 'dump');
      return;
    }
    const { status, body } = answer ?? { status: 0, body: Buffer.alloc(0) };
    const type = textAt(asked, 'MessageType');
    const masked = (value: PlistValue) =>
      kind === 'check-in'
        ? redactCheckInReply(value, type)
        : redact(value, requestTypeOf(value), 'body');
    const plist = body.length === 0 ? '' : show(read(body), masked, body);
    log.info({ traceId, direction, kind, status, plist }, 'dump');
  };
}

function read(bytes: Buffer): PlistValue | null {
  try {
    return parsePlist(bytes, { allowTrailing: true });
  } catch {
    return null;
  }
}

function show(
  value: PlistValue | null,
  masked: (value: PlistValue) => PlistValue,
  bytes: Buffer,
): string {
  return value === null
    ? `<${bytes.length} bytes that are no property list>`
    : buildPlist(masked(value)).toString();
}

function textAt(value: PlistValue | null, key: string): string {
  const found = value !== null && isPlistDict(value) ? value[key] : undefined;
  return typeof found === 'string' ? found : '';
}

function requestTypeOf(value: PlistValue): string | null {
  const command = isPlistDict(value) ? value['Command'] : undefined;
  return command === undefined ? null : textAt(command, 'RequestType') || null;
}
