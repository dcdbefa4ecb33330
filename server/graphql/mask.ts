import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { unavailable } from '../access/unavailable.ts';
import { CursorError, UserError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { currentTraceId, newTraceId } from '../model/trace.ts';
import { notedTrace } from './error-traces.ts';

/**
 * Makes of whatever was thrown what a caller may see: what he can mend stays as it is, with its code;
 * everything else is logged and becomes INTERNAL_SERVER_ERROR with the trace id to ask about, or
 * UNAVAILABLE while the database is away.
 * @param isUnavailable  whether an error says that it is
 */
export function createMask(
  log: Log,
  isUnavailable: (error: unknown) => boolean,
): (error: unknown) => GraphQLError {
  return (error) => {
    const cause = causeOf(error);
    const place = error instanceof GraphQLError ? placeOf(error) : {};
    if (cause instanceof UserError) {
      return new GraphQLError(cause.message, { ...place, extensions: extensionsOf(cause) });
    }
    if (error instanceof GraphQLError && cause instanceof GraphQLError && !isBuilders(cause)) {
      return withCode(error, cause);
    }
    const traceId = notedTrace(error) ?? currentTraceId() ?? newTraceId();
    if (isUnavailable(cause)) {
      log.warn({ err: cause, traceId }, 'a GraphQL operation failed: the database is away');
      return new GraphQLError('The database is away; try again in a moment.', {
        ...place,
        extensions: { code: unavailable, traceId, http: later },
      });
    }
    log.error({ err: cause, traceId, path: place.path?.join('.') }, 'a GraphQL operation failed');
    return new GraphQLError('Something went wrong here; the log tells more under this trace id.', {
      ...place,
      extensions: { code: 'INTERNAL_SERVER_ERROR', traceId },
    });
  };
}

const later = { status: 503, headers: { 'Retry-After': '5' } };

/** What was thrown in the first place. */
function causeOf(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError
    ? causeOf(error.originalError)
    : error;
}

function placeOf({ nodes, source, positions, path }: GraphQLError) {
  return {
    ...(nodes && { nodes }),
    ...(source && { source }),
    ...(positions && { positions }),
    ...(path && { path }),
  };
}

function extensionsOf(error: UserError): GraphQLFormattedError['extensions'] {
  return {
    code: error.code,
    ...(error.argumentPath.length > 0 && { argumentPath: error.argumentPath }),
    ...(error instanceof CursorError && { oldest: error.oldest }),
  };
}

/** Errors about the operation itself come with a code only from some of those who make them. */
function withCode(error: GraphQLError, cause: GraphQLError): GraphQLError {
  if (error.extensions['code'] !== undefined) return error;
  const code = cause.extensions['code'] ?? 'BAD_USER_INPUT';
  return new GraphQLError(error.message, {
    ...placeOf(error),
    extensions: { ...error.extensions, code },
  });
}

/** What the schema's builder says of itself; of its own errors only one kind is about the input. */
function isBuilders({ name }: GraphQLError): boolean {
  return name.startsWith('Pothos') && name !== 'PothosValidationError';
}
