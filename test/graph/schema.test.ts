import { readFileSync } from 'node:fs';
import {
  type GraphQLField,
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isUnionType,
  lexicographicSortSchema,
  printSchema,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../schema/schema.ts';
import { eventTypes } from '../../server/model/events.ts';

const types: readonly GraphQLNamedType[] = Object.values(schema.getTypeMap()).filter(
  ({ name }) =>
    !name.startsWith('__') && !['String', 'Int', 'Boolean', 'ID', 'Float'].includes(name),
);

/** The rule that a field or type was given, as the builder keeps it. */
function hasRule(of: { readonly extensions: object }): boolean {
  const { pothosOptions } = Object(of.extensions);
  return Object(pothosOptions).authScopes !== undefined;
}

function fieldsOf(type: GraphQLNamedType): readonly GraphQLField<unknown, unknown>[] {
  return isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : [];
}

describe('the schema', () => {
  it('has a description on every type, field, argument and value', () => {
    const without = types.flatMap((type) => [
      ...(type.description ? [] : [type.name]),
      ...fieldsOf(type).flatMap((field) => [
        ...(field.description ? [] : [`${type.name}.${field.name}`]),
        ...field.args
          .filter((arg) => !arg.description)
          .map((arg) => `${type.name}.${field.name}(${arg.name}:)`),
      ]),
      ...(isInputObjectType(type)
        ? Object.values(type.getFields())
            .filter((field) => !field.description)
            .map((field) => `${type.name}.${field.name}`)
        : []),
      ...(isEnumType(type)
        ? type
            .getValues()
            .filter((value) => !value.description)
            .map((value) => `${type.name}.${value.name}`)
        : []),
    ]);
    expect(without).toEqual([]);
  });

  it('has a rule on every field that an operation can begin with', () => {
    const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
    const fields = roots.flatMap((root) => (root ? fieldsOf(root) : []));
    expect(fields.length).toBeGreaterThan(8);
    expect(fields.filter((field) => !hasRule(field)).map(({ name }) => name)).toEqual([]);
  });

  it('has a rule on every type that can be reached by a global id', () => {
    const nodes = types.filter(
      (type) => isObjectType(type) && type.getInterfaces().some(({ name }) => name === 'Node'),
    );
    expect(nodes.length).toBeGreaterThan(3);
    expect(nodes.filter((type) => !hasRule(type)).map(({ name }) => name)).toEqual([]);
  });

  it('has an object type for every kind of event, and `events` yields them all', () => {
    const item = schema.getType('EventStreamItem');
    const members = isUnionType(item) ? item.getTypes().map(({ name }) => name) : [];
    expect(members.toSorted()).toEqual(
      ['Checkpoint', ...eventTypes.map((type) => `${type}Event`)].sort(),
    );
  });

  it('is the one of the committed SDL', () => {
    const committed = readFileSync(new URL('../../schema/schema.graphql', import.meta.url), 'utf8');
    expect(committed).toBe(`${printSchema(lexicographicSortSchema(schema))}\n`);
  });
});
