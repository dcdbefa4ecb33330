import { getNamedType, type GraphQLArgument, type GraphQLObjectType, isLeafType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TypedDocumentString } from '../../generated/gql/graphql.ts';
import { schema } from '../../schema/schema.ts';
import type { AnswerError } from '../graph/ask.ts';
import { bySse } from '../graph/subscribe.ts';
import { argumentsFor, subscriptionArguments } from './arguments.ts';
import { examples } from './examples.ts';
import { oddInputs } from './odd.ts';
import { nodesIn, objects, plan } from './plan.ts';
import { operator, startWorld, type World } from './world.ts';

// Every argument of every field, each of its members in turn given a value of its type that nobody means:
// no text, a NUL, half a character, a cursor of another list, numbers at their ends, an empty list. The
// answer may be an error, but never one of ours.

let world: World;
/** Global ids of a few objects of each type. */
let ids: readonly string[] = [];

beforeAll(async () => {
  world = await startWorld();
  const { north } = world;
  const counts = new Map<string, number>();
  for (const { query, type } of plan(argumentsFor(north), [])) {
    if (type !== 'Query') continue;
    const { data } = await world.askAnyway(north.token, query);
    for (const { id, typename } of nodesIn(data)) {
      const count = counts.get(typename) ?? 0;
      counts.set(typename, count + 1);
      if (count < 2) ids = [...ids, id];
    }
  }
});
afterAll(() => world.stop());

const isOurs = ({ extensions }: AnswerError) => extensions['code'] === 'INTERNAL_SERVER_ERROR';

/** A field asked for with an odd value: `$odd` in its call, of this type. */
interface Asking {
  readonly name: string;
  readonly call: string;
  readonly type: string;
  readonly value: unknown;
}

/** What one request asks: many askings side by side, told apart by their aliases. */
const together = 20;

/**
 * Asks for all of them, many to a request.
 * @param wrap  makes the operation of what it declares and of what it selects
 * @returns what came to nothing through us, by what was asked
 */
async function broken(
  token: string,
  askings: readonly Asking[],
  wrap: (declared: string, selected: string) => string,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (let at = 0; at < askings.length; at += together) {
    const some = askings.slice(at, at + together);
    const declared = some.map(({ type }, n) => `$odd${n}: ${type}`).join(', ');
    const selected = some.map(({ call }, n) => `a${n}: ${call.replaceAll('$odd', `$odd${n}`)}`);
    const variables = Object.fromEntries(some.map(({ value }, n) => [`odd${n}`, value]));
    const { errors } = await world.askAnyway(token, wrap(declared, selected.join(' ')), {
      ...variables,
      ids,
    });
    for (const { message, path, extensions } of errors ?? []) {
      const alias = path?.find((part) => /^a\d+$/.test(String(part)));
      const { name = 'all' } = some[Number(String(alias).slice(1))] ?? {};
      if (extensions['code'] === 'INTERNAL_SERVER_ERROR') found.push(name);
      // What is refused before anything runs would hide the others.
      if (alias === undefined)
        throw new Error(`${message} in ${wrap(declared, selected.join(' '))}`);
    }
  }
  return found;
}

/** What every object type can be asked for, to see that an answer is made. */
function selectionOf(type: GraphQLObjectType['name']): string {
  const named = schema.getType(type);
  const found = named && objects(named).find((one) => 'edges' in one.getFields());
  if (found) return '{ __typename edges { cursor } pageInfo { hasNextPage } }';
  return named && isLeafType(named) ? '' : '{ __typename }';
}

/** The fields with arguments of a type, once for each odd value of each argument. */
function askings(type: GraphQLObjectType) {
  return Object.values(type.getFields()).flatMap((field) =>
    field.args.flatMap((arg: GraphQLArgument) => {
      const { [`${type.name}.${field.name}`]: known = '' } = argumentsFor(world.north);
      const others = known.startsWith(`${arg.name}:`) ? '' : known;
      return oddInputs(arg.type, null).map(({ value, name }) => ({
        name: `${type.name}.${field.name}(${arg.name}: ${name})`,
        type: String(arg.type),
        call: `${field.name}(${arg.name}: $odd ${others}) ${selectionOf(getNamedType(field.type).name)}`,
        value,
      }));
    }),
  );
}

describe('an odd value', { timeout: 120_000 }, () => {
  it('in a query is no error of ours', async () => {
    const query = schema.getQueryType();
    const all = query ? askings(query) : [];
    expect(all.length).toBeGreaterThan(200);
    const found = await broken(
      world.north.token,
      all,
      (declared, selected) => `query (${declared}) { ${selected} }`,
    );
    expect(found).toEqual([]);
  });

  it('in a field of an object is no error of ours', async () => {
    const found: string[] = [];
    for (const type of objects(schema.getType('Node'))) {
      const wrap = (declared: string, selected: string) =>
        `query ($ids: [ID!]!, ${declared}) { nodes(ids: $ids) { ... on ${type.name} { ${selected} } } }`;
      found.push(...(await broken(world.north.token, askings(type), wrap)));
    }
    expect(found).toEqual([]);
  });

  it('in a mutation is no error of ours', async () => {
    const fields = Object.values(schema.getMutationType()?.getFields() ?? {});
    const found: string[] = [];
    // Filters are read in one place: the first mutation that takes one stands for all.
    const without = new Set<string>();
    for (const { name, args } of fields) {
      const { [name]: example } = examples;
      const [arg] = args;
      if (!example || !arg) continue;
      const valid = await example.input(world, world.north);
      const odd = oddInputs(arg.type, valid, without);
      if (odd.some((one) => one.name.includes('filter: '))) without.add('EnrollmentFilterInput');
      const all = odd.map((one) => ({
        name: `${name}(${one.name})`,
        type: String(arg.type),
        call: `${name}(input: $odd) { __typename }`,
        value: one.value,
      }));
      const token = example.operator ? operator : world.south.token;
      const wrap = (declared: string, selected: string) => `mutation (${declared}) { ${selected} }`;
      found.push(...(await broken(token, all, wrap)));
    }
    expect(found).toEqual([]);
  });

  it('in a subscription is refused, or is no more than a filter that lets nothing through', async () => {
    const fields = Object.values(schema.getSubscriptionType()?.getFields() ?? {});
    const cases = fields.flatMap((field) =>
      field.args.flatMap((arg) =>
        oddInputs(arg.type, null).map(({ value, name }) => {
          const [known = ''] = subscriptionArguments(world.north, field.name);
          const others = known.startsWith(`${arg.name}:`) ? '' : known;
          const after = arg.name === 'after' ? '' : 'after: "EARLIEST"';
          return {
            name: `${field.name}(${arg.name}: ${name})`,
            document: new TypedDocumentString<unknown, { odd: unknown }>(
              `subscription ($odd: ${String(arg.type)}) { ${field.name}(${arg.name}: $odd ${after} ${others}) { __typename } }`,
            ),
            value,
          };
        }),
      ),
    );
    expect(cases.length).toBeGreaterThan(30);
    const found: string[] = [];
    for (const { name, document, value } of cases) {
      const items = await bySse(world.server.graph, world.north.token, document, { odd: value });
      for (let checkpoints = 0; checkpoints < 2; ) {
        const { done, value: item } = await items.next();
        if (item.errors?.some(isOurs)) found.push(name);
        if (done || item.errors || !JSON.stringify(item.data).includes('"Checkpoint"')) break;
        checkpoints += 1;
      }
      await items.close();
    }
    expect(found).toEqual([]);
  });
});
