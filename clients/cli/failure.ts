import { CursorError, OperationError, TransportError, UnauthorizedError } from '../sdk/errors.ts';
import { exit } from './exit.ts';

/** Why a command was not done, and what can be done about it. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly code: string;
  readonly advice: string | null;
  readonly status: number;

  constructor(
    code: string,
    message: string,
    { advice = null, status = exit.failed }: { advice?: string | null; status?: number } = {},
  ) {
    super(message);
    this.code = code;
    this.advice = advice;
    this.status = status;
  }
}

/** A command line that cannot be followed. */
export function usage(message: string, advice: string | null = null): Failure {
  return new Failure('USAGE', message, { advice, status: exit.usage });
}

/**
 * Makes a failure of an error that a mutation or query answered.
 * @param error  one of the graph's error types, with `code` and `message`, and perhaps `path`
 */
export function failureOf(
  error: { readonly __typename: string },
  advice: string | null = null,
): Failure {
  const { code, message, path } = Object(error) as Readonly<Record<string, unknown>>;
  const place = Array.isArray(path) && path.length > 0 ? ` (${path.join('.')})` : '';
  const isForbidden = error.__typename === 'ForbiddenError';
  return new Failure(
    typeof code === 'string' ? code : error.__typename,
    `${String(message)}${place}`,
    {
      advice: advice ?? (isForbidden ? scopeAdvice : null),
      status: isForbidden ? exit.unauthorised : exit.failed,
    },
  );
}

const scopeAdvice =
  'Take a token with the scope that this needs; `graphmdm whoami` says what this one may.';
const loginAdvice = 'Log in with `graphmdm login`, or set GRAPHMDM_TOKEN to another token.';

/** Says of anything that was thrown what a user has to know. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof UnauthorizedError) {
    return new Failure('UNAUTHENTICATED', error.message, {
      advice: loginAdvice,
      status: exit.unauthorised,
    });
  }
  if (error instanceof OperationError) {
    const isForbidden = error.code === 'FORBIDDEN';
    return new Failure(error.code, error.message, {
      advice: isForbidden ? scopeAdvice : null,
      status: isForbidden ? exit.unauthorised : exit.failed,
    });
  }
  if (error instanceof CursorError) {
    return new Failure(error.code, error.message, {
      advice:
        error.oldest === null
          ? 'List anew, and follow without --after.'
          : `Something was missed. List anew, then go on with --after ${error.oldest}.`,
    });
  }
  if (error instanceof TransportError) {
    return new Failure('UNREACHABLE', error.message, {
      advice: 'Is the server running, and is its address right (--url, GRAPHMDM_URL)?',
    });
  }
  return new Failure('FAILED', error instanceof Error ? error.message : String(error));
}
