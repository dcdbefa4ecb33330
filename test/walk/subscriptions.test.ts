import { getNamedType, type GraphQLObjectType, isLeafType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TypedDocumentString } from '../../generated/gql/graphql.ts';
import { schema } from '../../schema/schema.ts';
import { bySse, byWebSocket, type Subscribe } from '../graph/subscribe.ts';
import { subscriptionArguments } from './arguments.ts';
import { askable, objects } from './plan.ts';
import { startWorld, type Tenant, type World } from './world.ts';

// Every subscription, replayed from the oldest event that is kept, with a foreign token.

const fields = Object.values(schema.getSubscriptionType()?.getFields() ?? {});

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

/** Everything of an item that can be asked for at once, members told apart by aliases. */
function selection(types: readonly GraphQLObjectType[]): string {
  return types
    .filter(({ name }) => name !== 'Checkpoint')
    .map((type) => {
      const shown = askable(type, {}).flatMap((field) =>
        isLeafType(getNamedType(field.type)) && ['id', 'cursor', 'actor'].includes(field.name)
          ? [field.name]
          : [],
      );
      return `... on ${type.name} { ${shown.join(' ')} }`;
    })
    .join(' ');
}

/** The documents that replay a subscription, once for each set of arguments known for it. */
function documents(name: string, about: Tenant): readonly string[] {
  const field = fields.find((one) => one.name === name);
  const types = objects(field && getNamedType(field.type));
  return subscriptionArguments(about, name).map(
    (given) =>
      `subscription { ${name}(after: "EARLIEST" ${given}) { __typename ${selection(types)} } }`,
  );
}

/** Reads a replay until `enough` says so; what came, without checkpoints. */
async function replay(
  by: Subscribe,
  token: string,
  document: string,
  enough: (items: readonly string[], checkpoints: number) => boolean,
): Promise<readonly string[]> {
  const subscribed = await by(world.server.graph, token, new TypedDocumentString(document));
  const items: string[] = [];
  let checkpoints = 0;
  try {
    while (!enough(items, checkpoints)) {
      const { done, value } = await subscribed.next();
      if (done || value.errors) {
        // Refused for what its arguments name: nothing was seen, either.
        if (/NOT_FOUND|UNKNOWN/.test(JSON.stringify(value.errors))) return items;
        throw new Error(`${document} ended with ${JSON.stringify(value)}`);
      }
      const text = JSON.stringify(value.data);
      if (text.includes('"Checkpoint"')) checkpoints += 1;
      else items.push(text);
    }
  } finally {
    await subscribed.close();
  }
  return items;
}

describe.each([
  ['server-sent events', bySse],
  ['WebSocket', byWebSocket],
] as const)('every subscription by %s', (_transport, by) => {
  it.each(fields.map(({ name }) => name))('%s shows its own tenant what happened', async (name) => {
    const [document = ''] = documents(name, world.north);
    const items = await replay(by, world.north.token, document, ({ length }) => length > 0);
    expect(items.length).toBeGreaterThan(0);
  });

  it.each(fields.map(({ name }) => name))('%s shows another tenant nothing', async (name) => {
    for (const document of documents(name, world.north)) {
      // One checkpoint where it begins, one where everything has been looked at.
      const items = await replay(by, world.empty.token, document, (_, seen) => seen >= 2);
      expect(items).toEqual([]);
    }
  });
});

describe('a replay of all events', () => {
  it('shows a tenant that has everything only what is its own', async () => {
    const { south, north } = world;
    const [document = ''] = documents('events', south);
    const [last] = await world.sql(
      'select count(*)::int as count from event where tenant_id = $1 and seq is not null',
      [south.id],
    );
    const items = await replay(
      bySse,
      south.token,
      document,
      ({ length }) => length >= Number(last?.['count']),
    );
    expect(items.filter((item) => item.includes(`token:${north.mark}`))).toEqual([]);
    expect(items.some((item) => item.includes(`token:${south.mark}`))).toBe(true);
  });
});
