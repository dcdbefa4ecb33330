import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';
import type { Log } from '../model/log.ts';
import { currentTraceId } from '../model/trace.ts';

/** The least of what is logged. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/**
 * Names of fields whose values are never written, at the top of a line or one level down. A net below
 * the rule that nobody hands secrets to a log.
 */
const secretNames = [
  'adminToken',
  'authorization',
  'body',
  'bootstrapToken',
  'cookie',
  'databaseUrl',
  'escrowKey',
  'mdmSignature',
  'password',
  'passcode',
  'privateKey',
  'pushMagic',
  'raw',
  'redisUrl',
  'secret',
  'secretKey',
  'token',
  'unlockToken',
];

/**
 * A log that writes one JSON object a line: `level`, `time` (ISO 8601, UTC), `msg`, the trace id of the
 * request being handled, and the fields.
 * @param destination  where to; standard output unless a test says otherwise
 */
export function createLog(level: LogLevel, destination?: DestinationStream): Log {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    mixin() {
      const traceId = currentTraceId();
      return traceId === undefined ? {} : { traceId };
    },
    redact: { paths: secretNames.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    serializers: { err: describeError, error: describeError },
  };
  return wrap(destination ? pino(options, destination) : pino(options));
}

function wrap(logger: Logger): Log {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (fields) => wrap(logger.child(fields)),
  };
}

/**
 * An error as a log line has it. Only what is listed here: PostgreSQL's errors also carry rows and
 * parameters (`detail`, `where`), HTTP clients' whole requests.
 */
export function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return withoutCredentials(String(error));
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) };
  return {
    type: error.name,
    message: withoutCredentials(error.message),
    ...code,
    stack: withoutCredentials(error.stack ?? ''),
    ...cause,
  };
}

/** Takes user and password out of URLs. */
function withoutCredentials(text: string): string {
  return text.replace(/(\w:\/\/)[^\s/@]+@/g, '$1');
}
