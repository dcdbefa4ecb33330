import {
  getNamedType,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  isAbstractType,
  isLeafType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { schema } from '../../schema/schema.ts';
import type { Json } from './world.ts';

type Field = GraphQLField<unknown, unknown>;

/** A query that selects every field of one type, at one place where the type is found. */
export interface Step {
  readonly type: string;
  /** How it was got to, such as `Query.enrollments.edges.node`. */
  readonly place: string;
  readonly query: string;
}

/** Values for the arguments that fields need, by `Type.field`, written as GraphQL. */
export type Arguments = Readonly<Record<string, string>>;

/** How often a page of a list is filled: enough to see what is there, little enough to nest. */
const pageSize = 5;

/** The fields of a type that can be asked for as they are. */
export function askable(type: GraphQLObjectType, given: Arguments): readonly Field[] {
  return Object.values(type.getFields()).filter(
    (field) => needsNothing(field) || Object.hasOwn(given, `${type.name}.${field.name}`),
  );
}

/** Fields with arguments that have to be given and for which the tests know no value. */
export function unknownArguments(given: Arguments): readonly string[] {
  return Object.values(schema.getTypeMap()).flatMap((type) =>
    isObjectType(type) && !type.name.startsWith('__') && !isMutation(type)
      ? Object.values(type.getFields())
          .filter((field) => !needsNothing(field))
          .map((field) => `${type.name}.${field.name}`)
          .filter((name) => !Object.hasOwn(given, name))
      : [],
  );
}

/**
 * Queries that together ask for every field of every type that a query can get to, and for every type
 * behind each field. Objects with an id are got to by `nodes`, others by the shortest way.
 * @param ids  global ids for `nodes`
 */
export function plan(given: Arguments, ids: readonly string[]): readonly Step[] {
  const query = schema.getQueryType();
  if (!query) throw new Error('the schema has no queries');
  const steps: Step[] = [];
  const seen = new Set<string>();
  const waiting: {
    readonly type: GraphQLObjectType;
    readonly place: string;
    readonly wrap: (inner: string) => string;
  }[] = [{ type: query, place: 'Query', wrap: (inner) => inner }];
  for (const type of objects(schema.getType('Node'))) {
    waiting.push({
      type,
      place: `nodes(${type.name})`,
      wrap: (inner) => `nodes(ids: ${JSON.stringify(ids)}) { ... on ${type.name} { ${inner} } }`,
    });
  }
  for (let at = 0; at < waiting.length; at += 1) {
    const next = waiting[at];
    if (!next || seen.has(next.type.name)) continue;
    const { type, place, wrap } = next;
    seen.add(type.name);
    const fields = askable(type, given);
    const own = fields.map((field) => written(type, field, given)).join(' ');
    // At the roots each field is a question of its own: one that fails hides no other.
    if (type === query) {
      for (const field of fields) {
        steps.push({
          type: type.name,
          place: `Query.${field.name}`,
          query: `{ ${written(type, field, given)} }`,
        });
      }
    } else {
      steps.push({ type: type.name, place, query: `{ ${wrap(`__typename ${own}`)} }` });
    }
    for (const field of fields) {
      for (const behind of objects(getNamedType(field.type))) {
        const call = `${field.name}${argumentsOf(type, field, given)}`;
        waiting.push({
          type: behind,
          place: `${place}.${field.name}`,
          wrap: (inner) => wrap(`${call} { ... on ${behind.name} { ${inner} } }`),
        });
      }
    }
  }
  return steps;
}

/** A field with what it takes and all that can be shown at once of what is behind it. */
export function written(type: GraphQLObjectType, field: Field, given: Arguments): string {
  const call = `${field.name}${argumentsOf(type, field, given)}`;
  const behind = getNamedType(field.type);
  if (isLeafType(behind)) return call;
  return `${call} { __typename ${identity(behind)} ${leaves(behind, given)} ${edges(behind)} }`;
}

function edges(type: GraphQLNamedType): string {
  const field = isObjectType(type) ? type.getFields()['edges'] : undefined;
  const edge = field && getNamedType(field.type);
  const node = isObjectType(edge) ? edge.getFields()['node'] : undefined;
  return node ? `edges { cursor node { __typename ${identity(getNamedType(node.type))} } }` : '';
}

function identity(type: GraphQLNamedType): string {
  return objects(type).some((one) => one.getInterfaces().some(({ name }) => name === 'Node'))
    ? '... on Node { id }'
    : '';
}

function leaves(type: GraphQLNamedType, given: Arguments): string {
  if (!isObjectType(type)) return '';
  return askable(type, given)
    .filter((field) => isLeafType(getNamedType(field.type)))
    .map((field) => `${field.name}${argumentsOf(type, field, given)}`)
    .join(' ');
}

function argumentsOf(type: GraphQLObjectType, field: Field, given: Arguments): string {
  const { [`${type.name}.${field.name}`]: known } = given;
  if (known !== undefined) return `(${known})`;
  return field.args.some(({ name }) => name === 'first') ? `(first: ${pageSize})` : '';
}

function needsNothing(field: Field): boolean {
  return field.args.every((arg) => !isNonNullType(arg.type) || arg.defaultValue !== undefined);
}

function isMutation(type: GraphQLObjectType): boolean {
  return type === schema.getMutationType();
}

/** The object types that a type may be. */
export function objects(type: GraphQLNamedType | undefined): readonly GraphQLObjectType[] {
  if (isObjectType(type)) return [type];
  return isAbstractType(type) ? schema.getPossibleTypes(type) : [];
}

/** An object of an answer that is a node. */
export interface Found {
  readonly typename: string;
  readonly id: string;
}

/** Every node that an answer shows. */
export function nodesIn(value: unknown): readonly Found[] {
  if (Array.isArray(value)) return value.flatMap(nodesIn);
  if (value === null || typeof value !== 'object') return [];
  const { __typename: typename, id } = value as Json;
  const own = typeof typename === 'string' && typeof id === 'string' ? [{ typename, id }] : [];
  return [...own, ...Object.values(value).flatMap(nodesIn)];
}
