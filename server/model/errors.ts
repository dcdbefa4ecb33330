/** What a caller got wrong, as a typed answer: a message that says what to do, a code and a path. */
export abstract class UserError extends Error {
  /** Stable, upper-case word that programs switch on. */
  readonly code: string;
  /**
   * Where in the input, such as `["input", "targets", "ids", "3"]`; empty when it is about no field. Not
   * named `path`: graphql takes an error with one for its own, and leaves out which field it belongs to.
   */
  readonly argumentPath: readonly string[];

  constructor(code: string, message: string, argumentPath: readonly string[] = []) {
    super(message);
    this.code = code;
    this.argumentPath = argumentPath;
  }
}

/** The input itself is wrong. */
export class ValidationError extends UserError {
  override readonly name = 'ValidationError';
}

/** What the input names does not exist for this caller (another tenant's counts as absent). */
export class NotFoundError extends UserError {
  override readonly name = 'NotFoundError';
}

/** The input is fine, but the present state does not allow it. */
export class ConflictError extends UserError {
  override readonly name = 'ConflictError';
}

/** The caller's token lacks the scope. */
export class ForbiddenError extends UserError {
  override readonly name = 'ForbiddenError';
}

/** What was asked for would keep the database busy for too long. */
export class QueryTooExpensiveError extends UserError {
  override readonly name = 'QueryTooExpensiveError';
}

/** A cursor that cannot be followed. */
export class CursorError extends UserError {
  override readonly name = 'CursorError';
  /** The oldest cursor that still works, when there is one. */
  readonly oldest: string | null;

  constructor(
    code: 'CURSOR_EXPIRED' | 'CURSOR_AHEAD' | 'CURSOR_OTHER_STREAM' | 'CURSOR_INVALID',
    message: string,
    oldest: string | null = null,
  ) {
    super(code, message, ['after']);
    this.oldest = oldest;
  }
}

/** The program cannot start as it was asked to. Its message goes to the operator, who can mend it. */
export class StartupError extends Error {
  override readonly name = 'StartupError';
}
