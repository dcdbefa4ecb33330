import {
  getNamedType,
  type GraphQLField,
  type GraphQLNamedType,
  isInterfaceType,
  isObjectType,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../schema/schema.ts';
import { scopes } from '../../server/model/viewer.ts';
import { objects } from './plan.ts';

// Deny by default: whatever can be got to without passing a rule that asks for a scope is listed here.

/** Fields that any good token may ask for, because what they tell is nobody's. */
const open: readonly string[] = [
  // The types behind have rules of their own, each of which is looked at below.
  'Query.node',
  'Query.nodes',
  // A position in the stream tells nothing of what stands there.
  'Query.eventCursor',
  // What one is taken for, which one knows; links from there to what needs a scope have rules.
  'Query.viewer',
  ...['actor', 'scopes', 'allTenants', 'tenantId', 'tenant', 'expiresAt', 'apiToken'].map(
    (field) => `Viewer.${field}`,
  ),
];

/** The scopes that a rule asks for; null: there is no rule. */
function ruleOf(of: { readonly extensions: object }): readonly string[] | null {
  const { pothosOptions } = Object(of.extensions);
  const { authScopes } = Object(pothosOptions);
  if (authScopes === undefined) return null;
  const known: readonly string[] = scopes;
  return (
    JSON.stringify(authScopes)
      .match(/[a-z]+:[a-z]+/g)
      ?.filter((word) => known.includes(word)) ?? []
  );
}

function asksForScope(of: { readonly extensions: object } | undefined): boolean {
  return of !== undefined && (ruleOf(of) ?? []).length > 0;
}

function isGuarded(type: GraphQLNamedType): boolean {
  const above = isObjectType(type) ? type.getInterfaces() : [];
  return [type, ...above].some(asksForScope);
}

/** Everything that is got to without a scope, as `Type.field`. */
function unguarded(): readonly string[] {
  const found: string[] = [];
  const seen = new Set<GraphQLNamedType>();
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  const waiting: GraphQLNamedType[] = roots.flatMap((root) => root ?? []);
  for (let at = 0; at < waiting.length; at += 1) {
    const type = waiting[at];
    if (!type || seen.has(type) || isGuarded(type)) continue;
    seen.add(type);
    for (const field of fieldsOf(type)) {
      if (asksForScope(field)) continue;
      found.push(`${type.name}.${field.name}`);
      waiting.push(...objects(getNamedType(field.type)));
    }
  }
  return found;
}

function fieldsOf(type: GraphQLNamedType): readonly GraphQLField<unknown, unknown>[] {
  return isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : [];
}

describe('the rules of the schema', () => {
  it('leave no field without a scope on every way to it, but those that are nobody’s', () => {
    const listed = unguarded().filter((name) => !open.includes(name));
    expect(listed, 'give the field, or its type, `authScopes: { scope: … }`').toEqual([]);
  });

  it('name a scope or `anyToken` at every root', () => {
    const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
    const without = roots.flatMap((root) =>
      root ? fieldsOf(root).filter((field) => ruleOf(field) === null) : [],
    );
    expect(without.map(({ name }) => name)).toEqual([]);
  });

  it('use every scope that a token can have', () => {
    const used = Object.values(schema.getTypeMap()).flatMap((type) => [
      ...(ruleOf(type) ?? []),
      ...fieldsOf(type).flatMap((field) => ruleOf(field) ?? []),
    ]);
    // Looked at in the resolvers: what a raw message shows depends on it.
    const unused = scopes.filter((scope) => !used.includes(scope) && scope !== 'secrets:read');
    expect(unused).toEqual([]);
  });
});
