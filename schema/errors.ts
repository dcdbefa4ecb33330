import {
  ConflictError,
  ForbiddenError,
  NotFoundError,
  QueryTooExpensiveError,
  type UserError,
  ValidationError,
} from '../server/model/errors.ts';
import { builder } from './builder.ts';

/** What every error in a mutation's answer has, so that a client can read any of them. */
const ErrorInterface = builder.interfaceRef<UserError>('Error').implement({
  description: 'What a caller got wrong. Mutations answer it as one of their outcomes.',
  fields: (t) => ({
    message: t.exposeString('message', {
      description: 'For people: what is wrong, and what to do.',
    }),
    code: t.exposeString('code', { description: 'For programs: a stable word in capitals.' }),
    path: t.exposeStringList('argumentPath', {
      description: 'Where in the arguments, such as `["input", "targets", "ids", "3"]`.',
    }),
  }),
});

builder.objectType(ValidationError, {
  name: 'ValidationError',
  description: 'The input itself is wrong; sending it again will not help.',
  interfaces: [ErrorInterface],
});

builder.objectType(NotFoundError, {
  name: 'NotFoundError',
  description: 'What the input names does not exist for this token.',
  interfaces: [ErrorInterface],
});

builder.objectType(ConflictError, {
  name: 'ConflictError',
  description: 'The input is fine, but the present state does not allow it.',
  interfaces: [ErrorInterface],
});

builder.objectType(ForbiddenError, {
  name: 'ForbiddenError',
  description: 'The token lacks the scope for this.',
  interfaces: [ErrorInterface],
});

builder.objectType(QueryTooExpensiveError, {
  name: 'QueryTooExpensiveError',
  description:
    'What was asked for takes the database too long: a filter with no index for it. Nothing was changed.',
  interfaces: [ErrorInterface],
});

/** The errors that a mutation may answer. */
export const mutationErrors = [ValidationError, ConflictError, NotFoundError, ForbiddenError];

/** The errors that a mutation on `targets` may answer. */
export const targetErrors = [...mutationErrors, QueryTooExpensiveError];

/**
 * The outcomes of a mutation: its payload or one of these errors, as a union that is named after it.
 * @param mutation its name
 */
export function outcomesOf<const Errors extends readonly (typeof targetErrors)[number][]>(
  mutation: string,
  types: Errors,
) {
  const name = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Result`;
  return { types: [...types], union: { name, description: `The outcomes of \`${mutation}\`.` } };
}
