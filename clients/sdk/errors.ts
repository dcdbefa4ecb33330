/** An error as GraphQL answers it. */
export interface GraphqlError {
  readonly message: string;
  readonly path?: readonly (string | number)[] | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The server was not reached, or its answer was not. Whether it did the work is not known; it was
 * asked again as often as the settings say, where that is safe.
 */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  /** The HTTP status, or null when there was no answer. */
  readonly status: number | null;
  /** Milliseconds after which the server wants to be asked again. */
  readonly retryAfter: number | null;

  constructor(
    message: string,
    options: { status?: number; retryAfter?: number | null; cause?: unknown } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.status = options.status ?? null;
    this.retryAfter = options.retryAfter ?? null;
  }
}

/** The token is unknown, revoked, expired, or was narrowed while it was in use. */
export class UnauthorizedError extends Error {
  override readonly name = 'UnauthorizedError';
}

/**
 * The server refused the operation as a whole: it is wrong, too large, or not allowed to this token.
 * What a caller gets wrong in a mutation's input is no exception but a value of its answer.
 */
export class OperationError extends Error {
  override readonly name = 'OperationError';
  readonly errors: readonly GraphqlError[];
  /** Code of the first error, such as `FORBIDDEN`. */
  readonly code: string;
  /** What was answered beside the errors, or null. */
  readonly data: unknown;

  constructor(errors: readonly GraphqlError[], data: unknown = null) {
    super(errors.map(({ message }) => message).join('\n') || 'The operation failed.');
    this.errors = errors;
    this.code = codeOf(errors[0]) ?? 'UNKNOWN';
    this.data = data;
  }
}

/** Why a cursor cannot be followed. */
export type CursorErrorCode =
  | 'CURSOR_EXPIRED'
  | 'CURSOR_AHEAD'
  | 'CURSOR_OTHER_STREAM'
  | 'CURSOR_INVALID';

/** The cursor cannot be followed (any longer): something was missed, and the caller has to know. */
export class CursorError extends Error {
  override readonly name = 'CursorError';
  readonly code: CursorErrorCode;
  /** The oldest cursor that still works, if there is one. */
  readonly oldest: string | null;

  constructor(code: CursorErrorCode, message: string, oldest: string | null) {
    super(message);
    this.code = code;
    this.oldest = oldest;
  }
}

const cursorCodes: readonly string[] = [
  'CURSOR_EXPIRED',
  'CURSOR_AHEAD',
  'CURSOR_OTHER_STREAM',
  'CURSOR_INVALID',
] satisfies readonly CursorErrorCode[];

/** What the server answers when it is at fault, or full, rather than the one who asks. */
const transientCodes: readonly string[] = [
  'INTERNAL_SERVER_ERROR',
  'TOO_MANY_OPERATIONS',
  'TOO_MANY_SUBSCRIPTIONS',
  'RATE_LIMITED',
  'UNAVAILABLE',
];

/** Whether errors of an answer may be gone the next time. */
export function areTransient(errors: readonly GraphqlError[]): boolean {
  return errors.some((error) => transientCodes.includes(codeOf(error) ?? ''));
}

/** Whether asking again may help. */
export function isTransient(error: unknown): boolean {
  if (error instanceof OperationError) return areTransient(error.errors);
  if (!(error instanceof TransportError)) return false;
  const { status } = error;
  return status === null || status === 408 || status === 429 || status >= 500;
}

/** Makes an exception of an answer's errors. */
export function exceptionOf(errors: readonly GraphqlError[], data: unknown = null): Error {
  for (const error of errors) {
    const code = codeOf(error);
    if (code === 'UNAUTHENTICATED') return new UnauthorizedError(error.message);
    if (isCursorCode(code)) {
      const oldest = error.extensions?.['oldest'];
      return new CursorError(code, error.message, typeof oldest === 'string' ? oldest : null);
    }
  }
  return new OperationError(errors, data);
}

function isCursorCode(code: string | undefined): code is CursorErrorCode {
  return code !== undefined && cursorCodes.includes(code);
}

function codeOf(error: GraphqlError | undefined): string | undefined {
  const code = error?.extensions?.['code'];
  return typeof code === 'string' ? code : undefined;
}
