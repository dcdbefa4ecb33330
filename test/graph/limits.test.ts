import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TypedDocumentString } from '../../generated/gql/graphql.ts';
import { limits } from '../../server/graphql/limits.ts';
import { testDatabase } from '../harness/database.ts';
import { adminToken, startServer } from '../harness/server.ts';
import { askText } from './ask.ts';
import { type GraphServer, startGraph } from './graph-server.ts';
import { bySse, byWebSocket, rawSocket, type Subscribed } from './subscribe.ts';

let server: GraphServer;
let token: string;

beforeAll(async () => {
  server = await startGraph();
  ({ token } = await server.token());
});
afterAll(() => server.stop());

const answered = async (query: string, variables: object = {}) => {
  const { status, errors, ...rest } = await askText(server, token, query, variables);
  const { extensions } = Object(rest);
  return {
    status,
    code: errors?.[0]?.extensions['code'],
    cost: extensions?.cost?.requested,
    errors,
  };
};

/** One page inside another, as often as said. */
const nested = (first: number) =>
  `{ enrollments(first: ${first}) { edges { node { ... on DeviceEnrollment {
      results(first: ${first}) { edges { node { command { results(first: ${first}) { totalCount: __typename edges { cursor node { enrollmentId } } } } } } } } } } } }`;

describe('the cost of an operation', () => {
  it.each([
    ['{ __typename eventCursor }', 0],
    ['{ enrollments { totalCount } }', 1 + 50],
    ['{ commands(first: 3) { edges { node { targets { totalCount } } } } }', 1 + 3 * (1 + 1 + 50)],
    ['{ enrollments { edges { cursor } } }', 1],
    ['{ enrollments { edges { node { id } } } }', 1 + 20],
    ['{ enrollments(last: 7) { edges { node { id } } } }', 1 + 7],
    [
      '{ jobs(first: 3) { edges { node { errors(first: 4) { edges { node { code } } } } } } }',
      1 + 3 * (1 + (1 + 4)),
    ],
    ['{ nodes(ids: ["a", "b"]) { id } }', 2],
    [
      'mutation { tagEnrollments(input: { targets: { all: true }, tags: ["x"], validateOnly: true }) { ... on TagEnrollmentsPayload { enrollments { id } } } }',
      1 + 100,
    ],
    ['query ($n: Int = 9) { jobs(first: $n) { edges { node { id } } } }', 1 + 9],
    [
      'query { ...A } fragment A on Query { jobs(first: 5) { ...B } } fragment B on QueryJobsConnection { edges { node { id } } }',
      1 + 5,
    ],
  ])('is told with the answer: %s', async (query, cost) => {
    expect((await answered(query)).cost).toBe(cost);
  });

  it('counts pages by the variables', async () => {
    const query = 'query ($n: Int!) { jobs(first: $n) { edges { node { id } } } }';
    expect((await answered(query, { n: 50 })).cost).toBe(51);
    expect((await answered(query, { n: 10 })).cost).toBe(11);
  });

  it('beyond the limit is refused before anything is read, with a code and 400', async () => {
    server.statements.length = 0;
    const refused = await answered(nested(100));
    expect(refused).toMatchObject({ status: 400, code: 'TOO_EXPENSIVE' });
    expect(refused.errors?.[0]?.extensions).toMatchObject({ cost: { limit: limits.cost } });
    expect(server.statements).toEqual([]);
    expect((await answered(nested(5))).status).toBe(200);
  });

  it('is judged at once, however often fragments are spread', async () => {
    const count = 40;
    const chain = Array.from(
      { length: count },
      (_, n) =>
        `fragment F${n} on Query { __typename ${n + 1 < count ? `...F${n + 1} ...F${n + 1}` : 'jobs(first: 1) { edges { cursor } }'} }`,
    ).join(' ');
    const { status } = await answered(`{ ...F0 } ${chain}`);
    expect([200, 400]).toContain(status);
  });

  it('is the same over WebSocket, whose socket stays open', async () => {
    const socket = await rawSocket(server, { authorization: `Bearer ${token}` });
    await socket.message(({ type }) => type === 'connection_ack');
    socket.send({ id: 'dear', type: 'subscribe', payload: { query: nested(100) } });
    const refused = await socket.message(({ id }) => id === 'dear');
    expect(JSON.stringify(refused)).toContain('TOO_EXPENSIVE');
    socket.send({ id: 'cheap', type: 'subscribe', payload: { query: '{ eventCursor }' } });
    const next = await socket.message(({ id, type }) => id === 'cheap' && type === 'next');
    expect(next).toMatchObject({ payload: { extensions: { cost: { requested: 0 } } } });
    socket.close();
  });
});

describe('several operations in one request', () => {
  it('are not taken', async () => {
    const response = await fetch(server.url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
      body: JSON.stringify([{ query: '{ __typename }' }, { query: '{ __typename }' }]),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BATCHED' } }] });
  });
});

describe('open subscriptions of a token', () => {
  const document = new TypedDocumentString<unknown, Record<string, never>>(
    'subscription { events { __typename } }',
  );

  it('are counted over both transports, and those that ended are not', async () => {
    const few = await startGraph();
    const { token: own } = await few.token();
    const { token: other } = await few.token();
    const before = limits.subscriptions;
    Object.assign(limits, { subscriptions: 2 });
    try {
      const open: Subscribed<unknown>[] = [];
      for (const by of [bySse, byWebSocket]) {
        const one = await by(few, own, document);
        await one.next();
        open.push(one);
      }
      const socket = await rawSocket(few, { authorization: `Bearer ${own}` });
      await socket.message(({ type }) => type === 'connection_ack');
      const third = async (id: string) => {
        socket.send({ id, type: 'subscribe', payload: { query: document.toString() } });
        return JSON.stringify(await socket.message((message) => message['id'] === id));
      };
      expect(await third('a')).toContain('TOO_MANY_SUBSCRIPTIONS');
      const refused = await askText(few, own, document.toString());
      expect(JSON.stringify(refused)).toContain('TOO_MANY_SUBSCRIPTIONS');
      const others = await bySse(few, other, document);
      await others.next();
      await others.close();
      await open[1]?.close();
      // The server hears of the end a moment later.
      for (let n = 0; ; n += 1) {
        if (!(await third(`again ${n}`)).includes('TOO_MANY_SUBSCRIPTIONS')) break;
      }
      await open[0]?.close();
      socket.close();
    } finally {
      Object.assign(limits, { subscriptions: before });
      await few.stop();
    }
  });

  it('are counted by each process for itself', async () => {
    const store = await testDatabase();
    const servers = [await startServer({ store }), await startServer({ store })];
    const before = limits.subscriptions;
    Object.assign(limits, { subscriptions: 1 });
    try {
      const open: Subscribed<unknown>[] = [];
      for (const { url } of servers) {
        const here = { url: `${url}/graphql`, wsUrl: '' };
        const first = await bySse(here, adminToken, document);
        open.push(first);
        expect((await first.next()).value).toHaveProperty('data');
        const second = await bySse(here, adminToken, document);
        expect((await second.next()).value).toMatchObject({
          errors: [{ extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' } }],
        });
      }
      for (const one of open) await one.close();
    } finally {
      Object.assign(limits, { subscriptions: before });
      for (const one of servers) await one.stop();
      await store.drop();
    }
  });
});
