import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createClient } from '../../clients/sdk/client.ts';
import { typed } from '../../clients/sdk/document.ts';
import { TransportError, UnauthorizedError } from '../../clients/sdk/errors.ts';
import { isError } from '../../clients/sdk/result.ts';
import { graphql } from '../../generated/gql/gql.ts';
import { aCommand } from '../build/commands.ts';
import { type GraphServer, startGraph } from '../graph/graph-server.ts';
import { anEnrollment } from '../graph/rows.ts';
import { root } from '../harness/root.ts';
import { adminToken, startServer } from '../harness/server.ts';
import { startCuttingProxy } from './cutting-proxy.ts';

let server: GraphServer;
let token: string;
const retry = { minDelay: 1, maxDelay: 5 };

beforeAll(async () => {
  server = await startGraph();
  ({ token } = await server.token());
  await anEnrollment(server.pool, { id: 'MUTATE' });
});

afterAll(() => server.stop());

const invite = graphql(`
  mutation SdkInvite($input: CreateEnrollmentInvitationInput!) {
    createEnrollmentInvitation(input: $input) {
      __typename
      ... on CreateEnrollmentInvitationPayload {
        replayed
      }
      ... on Error {
        code
      }
    }
  }
`);

/** A server that answers what it is told, one answer after the other, and keeps what it was sent. */
function scripted(...answers: (() => Response)[]) {
  const sent: { readonly variables: Record<string, Record<string, unknown>> }[] = [];
  const client = createClient({
    url: 'http://mdm.example.com',
    token: 'x',
    transport: 'sse',
    retry,
    async fetch(_url, init) {
      sent.push(JSON.parse(init?.body as string));
      const answer = answers.shift();
      if (!answer) throw new Error('nobody answers');
      return answer();
    },
  });
  return {
    client,
    sent,
    keys: () => sent.map(({ variables }) => variables['input']?.['idempotencyKey']),
  };
}

const answered = (code: string | null) => () =>
  Response.json({
    data: {
      createEnrollmentInvitation: code
        ? { __typename: 'ConflictError', code }
        : { __typename: 'CreateEnrollmentInvitationPayload', replayed: false },
    },
  });

describe('a mutation', () => {
  it('whose answer is lost is sent again with its key, and done once', async () => {
    const { port } = new URL(server.url);
    const cuts = [1, 20, 90];
    const proxy = await startCuttingProxy(Number(port), () => cuts.shift() ?? null);
    onTestFinished(proxy.close);
    const mdm = createClient({ url: proxy.url, token, transport: 'sse', retry });
    const sent = await mdm.enqueue({ targets: { ids: ['MUTATE'] }, plist: aCommand('LOST') });
    if (isError(sent)) throw new Error(sent.message);
    expect(sent).toMatchObject({ commandUuid: 'LOST', queuedCount: 1, replayed: true });
    expect(proxy.cuts()).toBe(3);
  });

  it('that makes something anew each time makes it once', async () => {
    const whole = await startServer({ ownAuthority: true });
    onTestFinished(whole.stop);
    const cuts = [1, 20, 90];
    const proxy = await startCuttingProxy(whole.port, () => cuts.shift() ?? null);
    onTestFinished(proxy.close);
    const mdm = createClient({ url: proxy.url, token: adminToken, transport: 'sse', retry });
    const { createEnrollmentInvitation } = await mdm.mutate(invite, {
      input: { topic: 'com.apple.mgmt.External.try' },
    });
    expect(createEnrollmentInvitation).toEqual({
      __typename: 'CreateEnrollmentInvitationPayload',
      replayed: true,
    });
    const { rows } = await whole.store.database.graph.query(
      'select count(*)::int as n from enrollment_invitation',
    );
    expect(rows).toEqual([{ n: 1 }]);
  });

  it('has a key of its own for each call, and the same for each try', async () => {
    const busy = () => new Response('busy', { status: 503, headers: { 'Retry-After': '0' } });
    const { client, keys } = scripted(
      busy,
      answered('IN_PROGRESS'),
      answered(null),
      answered(null),
    );
    const variables = { input: { topic: 'a' } };
    expect(await client.mutate(invite, variables)).toMatchObject({
      createEnrollmentInvitation: { replayed: false },
    });
    await client.mutate(invite, variables);
    const [first, second, third, fourth] = keys();
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect([second, third]).toEqual([first, first]);
    expect(fourth).not.toBe(first);
    expect(variables).toEqual({ input: { topic: 'a' } });
  });

  it('keeps the key that the caller gives it', async () => {
    const { client, keys } = scripted(answered(null));
    await client.mutate(invite, { input: { topic: 'a', idempotencyKey: 'mine' } });
    expect(keys()).toEqual(['mine']);
  });

  it('gets a key where its document has a variable for one', async () => {
    const { client, sent } = scripted(answered(null));
    await client.mutate(
      typed<object, object>(
        `mutation ($key: String) {
          createEnrollmentInvitation(input: { topic: "a", idempotencyKey: $key }) { __typename } }`,
      ),
    );
    expect(sent[0]?.variables).toEqual({ key: expect.stringMatching(/^[0-9a-f]{32}$/) });
  });

  it('whose document leaves no room for a key is not sent again', async () => {
    const { client, sent } = scripted(() => new Response('busy', { status: 503 }));
    const document = typed<object, object>(
      'mutation { cancelJob(input: { jobId: "x" }) { __typename } }',
    );
    const outcome = client.mutate(document);
    await expect(outcome).rejects.toBeInstanceOf(TransportError);
    expect(sent).toHaveLength(1);
  });

  it('that is wrong is answered with a value, at once', async () => {
    const mdm = createClient({ url: server.url, token, transport: 'sse', retry });
    const sent = await mdm.enqueue({ targets: { ids: [] }, plist: aCommand('WRONG') });
    expect(isError(sent)).toBe(true);
    expect(sent).toMatchObject({ __typename: 'ValidationError', path: expect.any(Array) });
  });

  it('ends with the last conflict when the first request with its key never ends', async () => {
    const { client, sent } = scripted(...Array.from({ length: 10 }, () => answered('IN_PROGRESS')));
    expect(await client.mutate(invite, { input: {} })).toMatchObject({
      createEnrollmentInvitation: { code: 'IN_PROGRESS' },
    });
    expect(sent).toHaveLength(10);
  });

  it('of every kind takes the key that it is given', () => {
    const schema = buildSchema(readFileSync(join(root, 'schema', 'schema.graphql'), 'utf8'));
    const fields = Object.values(schema.getMutationType()?.getFields() ?? {});
    expect(fields.length).toBeGreaterThan(10);
    const without = fields.flatMap(({ name, args }) => {
      expect(args.map((arg) => arg.name)).toEqual(['input']);
      const type = schema.getType(String(args[0]?.type).replace('!', ''));
      const takes = type && 'getFields' in type ? Object.keys(type.getFields()) : [];
      return takes.includes('idempotencyKey') ? [] : [name];
    });
    expect(without).toEqual([]);
  });
});

describe('a request', () => {
  it('without a good token is refused by name', async () => {
    const mdm = createClient({ url: server.url, token: 'gmdm_nobody', transport: 'sse', retry });
    await expect(mdm.eventCursor()).rejects.toBeInstanceOf(UnauthorizedError);
  });

  it('is asked again with the token that takes the place of a refused one', async () => {
    const tokens = ['gmdm_old', token];
    const mdm = createClient({
      url: server.url,
      token: () => tokens.shift() ?? token,
      transport: 'sse',
      retry,
    });
    expect(await mdm.eventCursor()).toEqual(expect.any(String));
  });

  it('says what the server says of an operation that is wrong', async () => {
    const mdm = createClient({ url: server.url, token, transport: 'sse', retry });
    await expect(mdm.query('{ nothing }')).rejects.toMatchObject({
      name: 'OperationError',
      message: expect.stringContaining('nothing'),
      errors: [{ message: expect.any(String) }],
    });
  });

  it('can be given up', async () => {
    const mdm = createClient({ url: 'http://127.0.0.1:9', token, transport: 'sse' });
    const controller = new AbortController();
    const asked = mdm.eventCursor({ signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');
  });
});
