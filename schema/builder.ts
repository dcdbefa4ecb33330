import SchemaBuilder from '@pothos/core';
import ErrorsPlugin from '@pothos/plugin-errors';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import ScopeAuthPlugin, {
  type AuthFailure,
  AuthScopeFailureType,
  RequestCache,
} from '@pothos/plugin-scope-auth';
import type PrismaTypes from '../generated/pothos.ts';
import { getDatamodel } from '../generated/pothos.ts';
import { ForbiddenError } from '../server/model/errors.ts';
import type { Scope } from '../server/model/viewer.ts';
import type { GraphContext } from './context.ts';
import { relayOptions } from './relay.ts';

/** Every type of the graph is made with this one builder. Fields are nullable only where they say so. */
export const builder = new SchemaBuilder<{
  Context: GraphContext;
  PrismaTypes: PrismaTypes;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: false;
  DefaultNodeNullability: false;
  AuthScopes: {
    /** The token has this scope. */
    scope: Scope;
    /** Any valid token; what is reached from here has rules of its own. */
    anyToken: boolean;
  };
  Scalars: {
    DateTime: { Input: Date; Output: Date };
    Base64: { Input: Buffer; Output: Uint8Array };
    PlistJSON: { Input: never; Output: unknown };
    ID: { Input: string; Output: string };
  };
}>({
  // Errors first: it also catches what the others throw, so that a missing scope is a typed answer.
  plugins: [ErrorsPlugin, ScopeAuthPlugin, RelayPlugin, PrismaPlugin],
  defaultFieldNullability: false,
  errors: { directResult: true },
  scopeAuth: {
    authorizeOnSubscribe: true,
    authScopes: ({ viewer }) => ({
      scope: (scope) => viewer.scopes.has(scope),
      anyToken: true,
    }),
    unauthorizedError: (_parent, _context, _info, { failure }) => {
      const missing = scopesIn(failure).map((scope) => `"${scope}"`);
      return new ForbiddenError(
        'FORBIDDEN',
        missing.length === 0
          ? 'The token does not allow this.'
          : `The token lacks the scope ${missing.join(' or ')}.`,
      );
    },
  },
  relay: relayOptions,
  prisma: {
    client: (context) => context.prisma,
    dmmf: getDatamodel(),
    defaultConnectionSize: 20,
    maxConnectionSize: 100,
  },
});

/** The scopes that a rule found missing. */
function scopesIn(failure: AuthFailure): readonly string[] {
  if ('failures' in failure) return failure.failures.flatMap(scopesIn);
  return failure.kind === AuthScopeFailureType.AuthScope ? [String(failure.parameter)] : [];
}

/**
 * Lets go of what was remembered about an operation's authorisation, with every object that was asked for: the
 * plugin keeps it in a WeakMap, and that keeps it for longer than it looks (see `beside`).
 */
export function forgetChecks(context: object): void {
  RequestCache.clearForContext(context);
}
