import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../../generated/gql/gql.ts';
import { TypedDocumentString } from '../../generated/gql/graphql.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import { revokeToken } from '../../server/store/tokens.ts';
import { ask, askText, dataOf } from './ask.ts';
import { type GraphServer, startGraph } from './graph-server.ts';
import { aResult, aStoredCommand, anEnrollment, anEvent } from './rows.ts';
import { type Subscribed, bySse, byWebSocket, rawSocket } from './subscribe.ts';

let server: GraphServer;
let token: string;
const device = { id: 'LIVE', key: '' };

beforeAll(async () => {
  server = await startGraph();
  ({ token } = await server.token());
  device.key = await anEnrollment(server.pool, { id: device.id, serialNumber: 'SN-LIVE' });
});

afterAll(() => server.stop());

const cursorDocument = graphql(`
  query CursorNow {
    eventCursor
  }
`);

const cursorNow = async () => (await dataOf(ask(server, token, cursorDocument))).eventCursor;

const events = graphql(`
  subscription Events($after: String, $filter: EventFilterInput) {
    events(after: $after, filter: $filter) {
      __typename
      ... on Checkpoint {
        cursor
      }
      ... on Event {
        cursor
        enrollmentId
        commandUuid
        enrollment {
          enrollmentId
          ... on DeviceEnrollment {
            serialNumber
          }
        }
        command {
          requestType
        }
        result {
          status
          decoded
        }
      }
      ... on CommandAnsweredEvent {
        status
        requestType
        late
      }
      ... on EnrollmentTokenUpdatedEvent {
        tokenUpdateTally
        newlyEnabled
      }
    }
  }
`);

const whereabouts = graphql(`
  subscription Whereabouts($after: String) {
    events(after: $after) {
      __typename
      ... on Event {
        number
        type
        tenantId
        tenant {
          tenantId
          name
        }
        jobId
        job {
          jobId
          kind
        }
      }
    }
  }
`);

const detailed = graphql(`
  subscription Detailed($withResult: Boolean!, $filter: EventFilterInput) {
    events(filter: $filter) {
      ... on Event {
        commandUuid
        result @include(if: $withResult) {
          status
        }
      }
    }
  }
`);

const commandResults = graphql(`
  subscription CommandResults($after: String, $filter: CommandResultFilterInput) {
    commandResults(after: $after, filter: $filter) {
      __typename
      ... on Event {
        cursor
        commandUuid
        result {
          status
        }
      }
    }
  }
`);

async function answered(report?: PlistDict) {
  const command = await aStoredCommand(server.pool, { requestType: 'ProfileList' });
  await aResult(server, device, command, report);
  await anEvent(server, {
    type: 'CommandAnswered',
    enrollmentKey: device.key,
    commandKey: command.key,
    data: { status: 'Acknowledged', requestType: 'ProfileList', notNowTally: 0 },
  });
  return command;
}

/** The next item that is an event. */
async function nextEvent<Item extends { readonly __typename: string }>(
  subscribed: Subscribed<Readonly<Record<string, Item>>>,
): Promise<Exclude<Item, { readonly __typename: 'Checkpoint' }>> {
  for (;;) {
    const { done, value } = await subscribed.next();
    if (done) throw new Error('completed');
    if (value.errors) throw new Error(JSON.stringify(value.errors));
    for (const item of Object.values(value.data ?? {})) {
      if (isEvent(item)) return item;
    }
  }
}

function isEvent<Item extends { readonly __typename: string }>(
  item: Item,
): item is Exclude<Item, { readonly __typename: 'Checkpoint' }> {
  return item.__typename !== 'Checkpoint';
}

it('reports of events that are read together are read together, a long one by itself', async () => {
  const readsFor = async (reports: number) => {
    const after = await cursorNow();
    const long = { Status: 'Error', ErrorChain: 'x'.repeat(20_000) };
    const commands = [await answered(long)];
    while (commands.length < reports) commands.push(await answered());
    // When one has seen them all, they are numbered, and come to the next one together.
    const first = await bySse(server, token, events, { after });
    for (let seen = 0; seen < reports; seen += 1) await nextEvent(first);
    await first.close();
    server.statements.length = 0;
    const subscribed = await bySse(server, token, events, { after });
    const found = [];
    while (found.length < reports) found.push(await nextEvent(subscribed));
    await subscribed.close();
    expect(found.map(({ result }) => result?.decoded)).toEqual(
      commands.map(({ uuid }, at) => ({
        CommandUUID: uuid,
        ...(at === 0 ? long : { Status: 'Acknowledged' }),
      })),
    );
    return server.statements.filter((text) => text.includes('r.result')).length;
  };
  expect([await readsFor(2), await readsFor(12)]).toEqual([2, 2]);
});

describe.each([
  ['SSE', bySse],
  ['WebSocket', byWebSocket],
] as const)('by %s', (_name, subscribe) => {
  it('events come with what they carry and what they link to', async () => {
    const subscribed = await subscribe(server, token, events, { after: await cursorNow() });
    const command = await answered();
    await anEvent(server, {
      type: 'EnrollmentTokenUpdated',
      enrollmentKey: device.key,
      data: { tokenUpdateTally: 2, newlyEnabled: false },
    });
    expect(await nextEvent(subscribed)).toEqual({
      __typename: 'CommandAnsweredEvent',
      cursor: expect.any(String),
      enrollmentId: 'LIVE',
      commandUuid: command.uuid,
      enrollment: { enrollmentId: 'LIVE', serialNumber: 'SN-LIVE' },
      command: { requestType: 'ProfileList' },
      result: {
        status: 'Acknowledged',
        decoded: { CommandUUID: command.uuid, Status: 'Acknowledged' },
      },
      status: 'Acknowledged',
      requestType: 'ProfileList',
      late: false,
    });
    expect(await nextEvent(subscribed)).toMatchObject({
      __typename: 'EnrollmentTokenUpdatedEvent',
      tokenUpdateTally: 2,
      newlyEnabled: false,
      command: null,
      result: null,
    });
    await subscribed.close();
  });

  it('a subscriber without a cursor is told where it starts, and another resumes from any cursor', async () => {
    const first = await subscribe(server, token, events, {});
    const { value } = await first.next();
    expect(value.data?.events).toEqual({ __typename: 'Checkpoint', cursor: expect.any(String) });
    const one = await answered();
    const two = await answered();
    const event = await nextEvent(first);
    expect(event).toMatchObject({ commandUuid: one.uuid });
    await first.close();
    const resumed = await subscribe(server, token, events, { after: event.cursor });
    expect(await nextEvent(resumed)).toMatchObject({ commandUuid: two.uuid });
    await resumed.close();
    const earliest = await subscribe(server, token, events, { after: 'EARLIEST' });
    await nextEvent(earliest);
    await earliest.close();
  });

  it('events say where they stand, whose they are, and which job made them', async () => {
    const after = await cursorNow();
    const jobId = randomUUID();
    await server.pool.query(
      `insert into job (id, tenant_id, kind, input, created_by) values ($1, 1, 'PUSH', '{}', 'test')`,
      [jobId],
    );
    await anEvent(server, { type: 'PushAccepted', enrollmentKey: device.key, jobId });
    await anEvent(server, {
      type: 'JobProgressed',
      jobId,
      data: { kind: 'PUSH', state: 'RUNNING' },
    });
    const everybody = await server.token({ tenant: null });
    const subscribed = await subscribe(server, everybody.token, whereabouts, { after });
    const pushed = await nextEvent(subscribed);
    expect(pushed).toEqual({
      __typename: 'PushAcceptedEvent',
      number: expect.stringMatching(/^\d+$/),
      type: 'PushAccepted',
      tenantId: '1',
      tenant: { tenantId: '1', name: 'default' },
      jobId,
      job: { jobId, kind: 'PUSH' },
    });
    const progressed = await nextEvent(subscribed);
    expect(progressed).toMatchObject({ type: 'JobProgressed', job: { jobId } });
    expect(BigInt(progressed.number)).toBe(BigInt(pushed.number) + 1n);
    await subscribed.close();
    const narrow = await server.token({ scopes: ['events:read'] });
    const blind = await subscribe(server, narrow.token, whereabouts, { after });
    const { value } = await blind.next();
    expect(value.data?.events).toMatchObject({ tenantId: '1', tenant: null, jobId, job: null });
    await blind.close();
  });

  it('a cursor of one subscription, with one filter, is good for another with another', async () => {
    const first = await subscribe(server, token, events, {
      after: await cursorNow(),
      filter: { types: ['EnrollmentTokenUpdated'] },
    });
    await anEvent(server, { type: 'EnrollmentTokenUpdated', enrollmentKey: device.key });
    const { cursor } = await nextEvent(first);
    await first.close();
    const command = await answered();
    const second = await subscribe(server, token, commandResults, {
      after: cursor,
      filter: { commands: [command.uuid] },
    });
    expect(await nextEvent(second)).toMatchObject({ commandUuid: command.uuid });
    await second.close();
  });

  it('a filter keeps out what it does not name, and a tenant what is not his', async () => {
    const after = await cursorNow();
    const wanted = await aStoredCommand(server.pool);
    const foreign = await anEnrollment(server.pool, { id: `FOREIGN-${_name}`, tenant: 2 });
    await anEvent(server, { type: 'EnrollmentTokenUpdated', tenant: 2, enrollmentKey: foreign });
    await anEvent(server, { type: 'EnrollmentTokenUpdated', enrollmentKey: device.key });
    await answered();
    await anEvent(server, {
      type: 'CommandNotNow',
      enrollmentKey: device.key,
      commandKey: wanted.key,
      data: { requestType: 'ProfileList', notNowTally: 1 },
    });
    const document = graphql(`
      query LiveDevice {
        enrollment(udid: "LIVE") {
          id
        }
      }
    `);
    const { enrollment } = await dataOf(ask(server, token, document));
    const filtered = await subscribe(server, token, events, {
      after,
      filter: { enrollments: [enrollment?.id ?? ''], commands: [wanted.uuid] },
    });
    expect(await nextEvent(filtered)).toMatchObject({
      __typename: 'CommandNotNowEvent',
      commandUuid: wanted.uuid,
    });
    await filtered.close();
    const stranger = await server.token({ tenant: 2 });
    const theirs = await subscribe(server, stranger.token, events, { after });
    expect(await nextEvent(theirs)).toMatchObject({ enrollmentId: `FOREIGN-${_name}` });
    await theirs.close();
  });

  it('commandResults yields what becomes of commands and nothing else', async () => {
    const after = await cursorNow();
    await anEvent(server, { type: 'EnrollmentTokenUpdated', enrollmentKey: device.key });
    const command = await answered();
    const subscribed = await subscribe(server, token, commandResults, {
      after,
      filter: { enrollments: [device.id] },
    });
    expect(await nextEvent(subscribed)).toMatchObject({
      __typename: 'CommandAnsweredEvent',
      commandUuid: command.uuid,
      result: { status: 'Acknowledged' },
    });
    await subscribed.close();
  });

  it.each([
    ['a cursor of nobody', async () => 'nonsense', 'CURSOR_INVALID'],
    [
      'a cursor of another stream',
      async () => changed(await cursorNow(), 1),
      'CURSOR_OTHER_STREAM',
    ],
    ['a cursor from the future', async () => changed(await cursorNow(), 17), 'CURSOR_AHEAD'],
  ])('%s is refused with its code', async (_what, cursor, code) => {
    const subscribed = await subscribe(server, token, events, { after: await cursor() });
    const { value } = await subscribed.next();
    expect(value.errors?.[0]?.extensions).toMatchObject({ code });
    expect((await subscribed.next()).done).toBe(true);
  });

  it('a cursor that is too old is refused with the oldest that works', async () => {
    const old = await cursorNow();
    await answered();
    await nextEvent(await subscribe(server, token, events, { after: old }));
    const { rows } = await server.pool.query(
      'update event_stream set oldest_seq = last_seq + 1 returning oldest_seq',
    );
    expect(rows).toHaveLength(1);
    const subscribed = await subscribe(server, token, events, { after: old });
    const { value } = await subscribed.next();
    expect(value.errors?.[0]?.extensions).toMatchObject({
      code: 'CURSOR_EXPIRED',
      oldest: expect.any(String),
    });
    const resumed = await subscribe(server, token, events, {
      after: String(value.errors?.[0]?.extensions['oldest']),
    });
    const { uuid } = await answered();
    expect(await nextEvent(resumed)).toMatchObject({ commandUuid: uuid });
    await resumed.close();
    await server.pool.query('update event_stream set oldest_seq = 1');
  });

  it('EARLIEST begins now when nothing is kept', async () => {
    await answered();
    await nextEvent(await subscribe(server, token, events, { after: 'EARLIEST' }));
    await server.pool.query('delete from event');
    await server.pool.query('update event_stream set oldest_seq = last_seq + 1');
    const subscribed = await subscribe(server, token, events, { after: 'EARLIEST' });
    expect((await subscribed.next()).value.data?.events).toMatchObject({
      __typename: 'Checkpoint',
    });
    const { uuid } = await answered();
    expect(await nextEvent(subscribed)).toMatchObject({ commandUuid: uuid });
    await subscribed.close();
  });

  it.each([
    ['enrollments', 'NOT_A_TEXT', { enrollments: ['a\0'] }],
    ['commands', 'NOT_A_TEXT', { commands: ['a\0'] }],
    ['enrollments', 'EMPTY_LIST', { enrollments: [] }],
    ['commands', 'EMPTY_LIST', { commands: [] }],
  ])('a filter by %s can be wrong: %s', async (name, code, filter) => {
    const subscribed = await subscribe(server, token, events, { filter, after: 'EARLIEST' });
    expect((await subscribed.next()).value.errors?.[0]?.extensions).toEqual({
      code,
      argumentPath: ['filter', name],
    });
    expect((await subscribed.next()).done).toBe(true);
  });

  it('what can never match, or may not be seen, is refused at once', async () => {
    const empty = await subscribe(server, token, events, { filter: { types: [] } });
    expect((await empty.next()).value.errors?.[0]?.extensions).toMatchObject({
      code: 'EMPTY_LIST',
    });
    const narrow = await server.token({ scopes: ['enrollments:read'] });
    const forbidden = await subscribe(server, narrow.token, events, {});
    const { value } = await forbidden.next();
    expect(value.errors?.[0]).toMatchObject({
      message: expect.stringContaining('events:read'),
      extensions: { code: 'FORBIDDEN' },
    });
  });

  it.each([
    'subscription { events @skip(if: true) { __typename } }',
    'subscription { ...Gone @include(if: false) } fragment Gone on Subscription { events { __typename } }',
    'subscription { ...Gone } fragment Gone on Subscription { ... @skip(if: true) { events { __typename } } }',
  ])('a root field on a condition is refused: %s', async (text) => {
    const refused = await subscribe(server, token, new TypedDocumentString(text), {});
    // WebSockets have a message of their own for what is wrong from the start.
    const told = await refused.next().then(
      ({ value }) => value.errors,
      (errors: unknown) => errors,
    );
    expect(told).toMatchObject([
      {
        message: expect.stringContaining('is not for the root field of a subscription'),
        extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
      },
    ]);
  });

  it('links that a token may not see are null, and the event comes all the same', async () => {
    const after = await cursorNow();
    const narrow = await server.token({ scopes: ['events:read'] });
    await answered();
    const subscribed = await subscribe(server, narrow.token, events, { after });
    const { value } = await subscribed.next();
    expect(value.data?.events).toMatchObject({
      enrollmentId: 'LIVE',
      enrollment: null,
      command: null,
      result: { status: null, decoded: null },
      status: 'Acknowledged',
    });
    expect(value.errors?.map(({ extensions }) => extensions['code'])).toContain('FORBIDDEN');
    await subscribed.close();
  });
});

describe('many subscribers', () => {
  it('of one event load and decode what they select once', async () => {
    const after = await cursorNow();
    const others = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const subscribed = await byWebSocket(server, token, events, {});
        await subscribed.next();
        return subscribed;
      }),
    );
    server.statements.length = 0;
    server.decoded.length = 0;
    await answered();
    for (const subscribed of others) {
      expect(await nextEvent(subscribed)).toMatchObject({
        result: { status: 'Acknowledged', decoded: { Status: 'Acknowledged' } },
      });
    }
    expect(server.decoded).toHaveLength(1);
    // Enrolment, command, and result with the bytes that `decoded` shows.
    expect(server.statements.filter((sql) => /^\s*select/i.test(sql))).toHaveLength(3);
    await Promise.all(others.map((subscribed) => subscribed.close()));
    expect(after).toEqual(expect.any(String));
  });
});

describe('subscribers of one event', () => {
  it('each see what they selected, and what their token shows', async () => {
    const { token: narrow } = await server.token({ scopes: ['events:read'] });
    const subscribed = await Promise.all([
      byWebSocket(server, token, detailed, { withResult: true }),
      byWebSocket(server, token, detailed, { withResult: false }),
      byWebSocket(server, narrow, detailed, { withResult: true }),
      byWebSocket(server, token, detailed, { withResult: true, filter: { enrollments: ['LIVE'] } }),
    ]);
    for (const one of subscribed) await one.next();
    const command = await answered();
    const items = await Promise.all(subscribed.map((one) => one.next()));
    const shown = { status: 'Acknowledged' };
    expect(items.map(({ value }) => value.data?.events)).toEqual([
      { commandUuid: command.uuid, result: shown },
      { commandUuid: command.uuid },
      { commandUuid: command.uuid, result: { status: null } },
      { commandUuid: command.uuid, result: shown },
    ]);
    expect(items.map(({ value }) => value.errors?.[0]?.extensions['code'])).toEqual([
      undefined,
      undefined,
      'FORBIDDEN',
      undefined,
    ]);
    await Promise.all(subscribed.map((one) => one.close()));
  });
});

describe('a WebSocket', () => {
  it.each([
    ['without a token', null],
    ['with an unknown token', { authorization: 'Bearer gmdm_unknown-to-everybody' }],
    ['with a token that is no text', { token: 7 }],
  ])('%s is closed with 4401', async (_name, init) => {
    const socket = await rawSocket(server, init);
    expect(await socket.whenClosed).toMatchObject({ code: 4401 });
  });

  it.each([
    ['`Authorization`', (text: string) => [{ Authorization: `Bearer ${text}` }, {}] as const],
    ['`token`', (text: string) => [{ token: text }, {}] as const],
    [
      "the upgrade's header",
      (text: string) => [null, { Authorization: `Bearer ${text}` }] as const,
    ],
  ])('takes the token as %s', async (_name, parts) => {
    const [init, headers] = parts(token);
    const socket = await rawSocket(server, init, headers);
    await socket.message(({ type }) => type === 'connection_ack');
    socket.send({ id: '1', type: 'subscribe', payload: { query: '{ eventCursor }' } });
    expect(await socket.message(({ id }) => id === '1')).toMatchObject({
      type: 'next',
      payload: { data: { eventCursor: expect.any(String) } },
    });
    socket.close();
  });

  it.each([
    ['a syntax error', '{ enrollments( }', {}, 'GRAPHQL_PARSE_FAILED'],
    ['an unknown field', '{ nothing }', {}, 'GRAPHQL_VALIDATION_FAILED'],
    ['too many levels', deep(25), {}, 'TOO_DEEP'],
    ['too many aliases', `{ ${many((n) => `a${n}: eventCursor`, 40)} }`, {}, 'TOO_MANY_ALIASES'],
    ['too many tokens', `{ ${many(() => 'eventCursor', 3_000)} }`, {}, 'TOO_MANY_TOKENS'],
    [
      'too many directives',
      `{ eventCursor ${many(() => '@include(if: true)', 40)} }`,
      {},
      'TOO_MANY_DIRECTIVES',
    ],
    [
      'a wrong variable',
      'query ($n: Int!) { enrollments(first: $n) { totalCount } }',
      { n: 'x' },
      'BAD_USER_INPUT',
    ],
    [
      'two operations and no name',
      'query A { eventCursor } query B { eventCursor }',
      {},
      'OPERATION_RESOLUTION_FAILURE',
    ],
    [
      'half a character',
      'query ($n: String) { enrollment(udid: $n) { id } }',
      { n: '\ud83d' },
      'BAD_USER_INPUT',
    ],
  ])('lives on after %s, with what else runs on it', async (_name, query, variables, code) => {
    const socket = await rawSocket(server, { token });
    await socket.message(({ type }) => type === 'connection_ack');
    const after = await cursorNow();
    socket.send({
      id: 'live',
      type: 'subscribe',
      payload: { query: events.toString(), variables: { after } },
    });
    socket.send({ id: 'bad', type: 'subscribe', payload: { query, variables } });
    const refused = await socket.message(({ id }) => id === 'bad');
    const payload: unknown = refused?.['payload'];
    const errors = Array.isArray(payload) ? payload : Object(payload).errors;
    expect(errors[0].message).toEqual(expect.any(String));
    if (code !== undefined) expect(errors[0].extensions.code).toBe(code);
    const byHttp = await askText(server, token, query, variables);
    expect(errors).toEqual(byHttp.errors);
    const { uuid } = await answered();
    expect(await socket.message(({ id, type }) => id === 'live' && type === 'next')).toMatchObject({
      payload: { data: { events: { commandUuid: uuid } } },
    });
    socket.close();
  });

  it('takes 200 operations at once, and refuses one more until another has ended', async () => {
    const socket = await rawSocket(server, { token });
    await socket.message(({ type }) => type === 'connection_ack');
    const begin = (id: string) =>
      socket.send({ id, type: 'subscribe', payload: { query: events.toString() } });
    for (let n = 1; n <= 201; n += 1) begin(`n${n}`);
    for (let n = 1; n <= 200; n += 1) {
      expect(await socket.message(({ id }) => id === `n${n}`)).toMatchObject({ type: 'next' });
    }
    expect(await socket.message(({ id }) => id === 'n201')).toMatchObject({
      type: 'error',
      payload: [{ extensions: { code: 'TOO_MANY_OPERATIONS' } }],
    });
    socket.send({ id: 'n7', type: 'complete' });
    begin('again');
    expect(await socket.message(({ id }) => id === 'again')).toMatchObject({ type: 'next' });
    socket.close();
  });

  it.each([
    [
      'a second operation with an id that is open',
      4409,
      { id: '1', type: 'subscribe', payload: { query: 'subscription { events { __typename } }' } },
    ],
    ['a message that is none', 4400, { type: 'something' }],
    [
      'an operation whose text is none',
      4400,
      { id: '2', type: 'subscribe', payload: { query: 7 } },
    ],
    ['a second token', 4429, { type: 'connection_init', payload: {} }],
  ])('is closed after %s, with %i', async (_name, code, message) => {
    const socket = await rawSocket(server, { token });
    await socket.message(({ type }) => type === 'connection_ack');
    socket.send({ id: '1', type: 'subscribe', payload: { query: events.toString() } });
    await socket.message(({ id }) => id === '1');
    socket.send(message);
    expect(await socket.whenClosed).toMatchObject({ code });
  });

  it('at another address is not served', async () => {
    await expect(
      rawSocket({ wsUrl: server.wsUrl.replace('/graphql', '/elsewhere') }, null),
    ).rejects.toThrow(/404/);
  });
});

describe('a token that is revoked', () => {
  it('ends its subscriptions within 5 seconds: 4401, or an error item and complete', async () => {
    const one = await server.token();
    const socket = await rawSocket(server, { token: one.token });
    await socket.message(({ type }) => type === 'connection_ack');
    socket.send({ id: '1', type: 'subscribe', payload: { query: events.toString() } });
    await socket.message(({ type }) => type === 'next');
    const sse = await bySse(server, one.token, events, {});
    await sse.next();
    const before = Date.now();
    expect(await revokeToken(server.pool, one.id)).toBe(true);
    const [closed, item] = await Promise.all([socket.whenClosed, sse.next()]);
    expect(Date.now() - before).toBeLessThan(5_000);
    expect(closed.code).toBe(4401);
    expect(item.value.errors?.[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect((await sse.next()).done).toBe(true);
    expect((await askText(server, one.token, '{ eventCursor }')).status).toBe(401);
  });
});

describe('a server that stops', () => {
  it('says goodbye: WebSockets close with 1001, SSE completes', async () => {
    const other = await startGraph();
    const { token: theirs } = await other.token();
    const socket = await rawSocket(other, { token: theirs });
    await socket.message(({ type }) => type === 'connection_ack');
    socket.send({ id: '1', type: 'subscribe', payload: { query: events.toString() } });
    await socket.message(({ type }) => type === 'next');
    const sse = await bySse(other, theirs, events, {});
    await sse.next();
    const [closed, item] = await Promise.all([socket.whenClosed, sse.next(), other.stop()]);
    expect(closed.code).toBe(1001);
    expect(item.done).toBe(true);
  });
});

/** Another cursor of the same form: the byte at this place is turned around. */
function changed(cursor: string, at: number): string {
  const bytes = Buffer.from(cursor, 'base64url');
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes.toString('base64url');
}

function deep(levels: number): string {
  const inner = (level: number): string =>
    level === 0 ? 'id' : `... on DeviceEnrollment { ${inner(level - 1)} }`;
  return `{ enrollments { edges { node { ${inner(levels)} } } } }`;
}

function many(one: (n: number) => string, count: number): string {
  return Array.from({ length: count }, (_, n) => one(n)).join(' ');
}
