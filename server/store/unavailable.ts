/** The SQLSTATE of a PostgreSQL error, however the driver or Prisma has wrapped it; else null. */
export function sqlState(error: unknown): string | null {
  const code = codeOf(error);
  if (code !== null && /^[\dA-Z]{5}$/.test(code) && /\d/.test(code) && !isPrismaCode(code))
    return code;
  return error instanceof Error && error.cause !== undefined ? sqlState(error.cause) : null;
}

/** What the system says when there is nobody to talk to, or no longer. */
const systemCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/**
 * PostgreSQL's own: connection exceptions (class 08), too many connections, shutting down, crashed,
 * starting up, idle session ended. A read-only server is a primary that became a replica.
 */
const states = /^(08...|53300|57P0[1235]|25006)$/;

/** Prisma's: unreachable, timed out, closed, pool exhausted. */
const prismaCodes = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024']);

/** What `pg` says without any code. */
const messages =
  /Connection terminated|is not currently accepting connections|Connection ended|timeout exceeded when trying to connect|Query read timeout|not queryable|after calling end on the pool/;

/**
 * Whether an error says that the database is away, rather than that a statement is wrong: the same call
 * may succeed in a moment. A statement that took too long is not among them.
 */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  if (code !== null && (systemCodes.has(code) || states.test(code) || prismaCodes.has(code)))
    return true;
  if (messages.test(error.message)) return true;
  // Node tries every address of a name and reports them together.
  if (error instanceof AggregateError) return error.errors.some(isUnavailable);
  return error.cause !== undefined && isUnavailable(error.cause);
}

/**
 * PostgreSQL's, for work that is sound in itself: resources ran out (class 53), somebody else went first
 * (serialization, deadlock), the system failed (class 58).
 */
const passing = /^(53...|40001|40P01|57P0.|58...)$/;

/** A statement or a lock took longer than it may: the database is busy, or the statement is heavy. */
export function tookTooLong(error: unknown): boolean {
  return ['57014', '55P03'].includes(sqlState(error) ?? '');
}

/** Whether an error lies in the database's moment, not in what was asked of it: it passes by itself. */
export function mayPass(error: unknown): boolean {
  return isUnavailable(error) || tookTooLong(error) || passing.test(sqlState(error) ?? '');
}

function codeOf(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return typeof code === 'string' ? code : null;
}

function isPrismaCode(code: string): boolean {
  return /^P[123]\d{3}$/.test(code);
}
