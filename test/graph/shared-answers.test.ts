import {
  type DocumentNode,
  GraphQLBoolean,
  type GraphQLError,
  GraphQLObjectType,
  GraphQLSchema,
  GraphQLString,
  parse,
} from 'graphql';
import { beforeEach, describe, expect, it } from 'vitest';
import { createSharedAnswers } from '../../server/graphql/shared-answers.ts';
import type { Scope, Viewer } from '../../server/model/viewer.ts';

interface Item {
  readonly shared: boolean;
  readonly text: () => string;
}

const item = new GraphQLObjectType<Item>({
  name: 'Item',
  fields: {
    text: {
      type: GraphQLString,
      args: { loud: { type: GraphQLBoolean } },
      resolve: ({ text }, { loud }: { loud?: boolean }) => (loud ? text().toUpperCase() : text()),
    },
  },
});

const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: 'Query', fields: { none: { type: GraphQLString } } }),
  subscription: new GraphQLObjectType({
    name: 'Subscription',
    fields: {
      items: {
        type: item,
        args: { after: { type: GraphQLString } },
        resolve: (root: Item) => root,
      },
    },
  }),
});

const document = parse(`
  subscription ($after: String, $loud: Boolean, $hidden: Boolean = false) {
    items(after: $after) {
      ...Shown @skip(if: $hidden)
    }
  }
  fragment Shown on Item { text(loud: $loud) }
`);

const operator: Viewer = {
  actor: 'token:operator',
  tokenId: '1',
  tenant: null,
  scopes: new Set<Scope>(['events:read', 'commands:read']),
};

describe('an answer', () => {
  let made: number;
  let personal: boolean;
  let forgotten: Set<object>;
  let answersOf: ReturnType<typeof createSharedAnswers>;
  let shared: Item;
  const isShared = (value: unknown): value is object =>
    typeof value === 'object' && value !== null && 'shared' in value && value.shared === true;

  beforeEach(() => {
    made = 0;
    personal = false;
    forgotten = new Set();
    answersOf = createSharedAnswers({
      isShared,
      isPersonal: () => personal,
      forget: (context) => void forgotten.add(context),
    });
    shared = { shared: true, text: () => `made ${(made += 1)}` };
  });

  /** What was told of as having gone wrong. */
  const told: GraphQLError[] = [];

  async function answer(
    variableValues: Readonly<Record<string, unknown>>,
    viewer: Viewer = operator,
    on = shared,
    asked: DocumentNode = document,
  ): Promise<unknown> {
    const { data, errors } = await answersOf(
      { schema, document: asked, variableValues },
      viewer,
      (failed) => told.push(...failed),
    )(on);
    expect(told.splice(0)).toEqual(errors ?? []);
    return errors ? errors.map(({ message }) => message) : data?.['items'];
  }

  it('lets go of what was kept beside its context, also when it failed', async () => {
    await answer({});
    await answer({});
    expect(forgotten.size, 'one was made').toBe(1);
    await answer({}, operator, {
      shared: true,
      text: () => {
        throw new Error('no text');
      },
    });
    expect(forgotten.size).toBe(2);
  });

  it('is made once for all who differ in nothing but where they subscribe', async () => {
    const once = { text: 'made 1' };
    expect(await Promise.all([answer({ after: 'a' }), answer({ after: 'b' })])).toEqual([
      once,
      once,
    ]);
    const another = { ...operator, actor: 'token:another', tokenId: '2' };
    expect(await answer({}, another)).toEqual(once);
  });

  it.each<[string, Parameters<typeof answer>]>([
    ['another variable in the selection', [{ loud: true }]],
    ['a variable of a directive', [{ hidden: true }]],
    ['another tenant', [{}, { ...operator, tenant: 2 }]],
    ['other scopes', [{}, { ...operator, scopes: new Set<Scope>(['events:read']) }]],
    ['another document', [{}, operator, undefined, parse('subscription { items { text text } }')]],
  ])('is made anew for %s', async (_name, asked) => {
    await answer({});
    const [variables, viewer, , asking] = asked;
    const other = await answer(variables, viewer, shared, asking);
    expect(other).not.toEqual({ text: 'made 1' });
    expect(await answer({})).toEqual({ text: 'made 1' });
  });

  it('in which a secret was shown is for its own viewer alone', async () => {
    personal = true;
    const asked = [answer({}), answer({})];
    expect(await Promise.all(asked)).toEqual([{ text: 'made 1' }, { text: 'made 2' }]);
    expect(await answer({})).toEqual({ text: 'made 3' });
  });

  it('is one for equal texts that were parsed apart', async () => {
    await answer({});
    const again = parse(document.loc?.source.body ?? '');
    expect(await answer({}, operator, shared, again)).toEqual({ text: 'made 1' });
  });

  it('with an error is tried again by the next', async () => {
    let broken = true;
    const now: Item = {
      shared: true,
      text: () => {
        if (broken) throw new Error('away');
        return 'back';
      },
    };
    expect(await answer({}, operator, now)).toEqual(['away']);
    broken = false;
    expect(await answer({}, operator, now)).toEqual({ text: 'back' });
  });

  it('to what is not shared is made each time', async () => {
    const own = { ...shared, shared: false };
    expect(await answer({}, operator, own)).toEqual({ text: 'made 1' });
    expect(await answer({}, operator, own)).toEqual({ text: 'made 2' });
  });
});
