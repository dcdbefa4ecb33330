import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TypedDocumentString } from '../../generated/gql/graphql.ts';
import type { Clock } from '../../server/model/clock.ts';
import { askText } from '../graph/ask.ts';
import { bySse, rawSocket } from '../graph/subscribe.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';

const audience = 'graphmdm';
const issuer = 'https://login.example/realm/';

/** A clock that the test turns; timers that are due run when it is turned. */
function turnedClock() {
  let now = Date.now();
  const timers = new Set<{ readonly due: number; readonly run: () => void }>();
  const clock: Clock = {
    now: () => new Date(now),
    setTimer(ms, run) {
      const timer = { due: now + ms, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
  };
  return {
    clock,
    turn(ms: number) {
      now += ms;
      for (const timer of timers) {
        if (timer.due > now) continue;
        timers.delete(timer);
        timer.run();
      }
    },
  };
}

type Claims = Readonly<Record<string, unknown>>;

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

const keys = new Map<string, Pair>();
let asked = 0;
let isAway = false;
let jwks: Server;
let server: TestServer;
const time = turnedClock();

async function jwksBody(): Promise<string> {
  const all = [...keys].map(async ([kid, { publicKey }]) => ({
    ...(await exportJWK(publicKey)),
    kid,
  }));
  return JSON.stringify({ keys: await Promise.all(all) });
}

beforeAll(async () => {
  keys.set('first', await generateKeyPair('ES256'));
  jwks = createServer((_request, response) => {
    asked += 1;
    if (isAway) return void response.writeHead(500).end();
    void jwksBody().then((body) => response.end(body));
  });
  await new Promise<void>((resolve) => jwks.listen(0, '127.0.0.1', resolve));
  const { port } = jwks.address() as AddressInfo;
  server = await startServer({
    clock: time.clock,
    flags: [
      ...['--oidc-issuer', issuer, '--oidc-audience', audience],
      ...['--oidc-jwks-url', `http://127.0.0.1:${port}/keys`],
    ],
  });
});
afterAll(async () => {
  await server.stop();
  await new Promise((resolve) => jwks.close(resolve));
});

const seconds = (ahead: number) => Math.floor(time.clock.now().getTime() / 1_000) + ahead;

async function token(
  payload: Claims = {},
  { kid = 'first', by = keys.get(kid) }: { kid?: string; by?: Pair | undefined } = {},
): Promise<string> {
  if (!by) throw new Error(`no key ${kid}`);
  const claims = { iss: issuer, aud: audience, sub: 'jo', exp: seconds(300), scope: 'events:read' };
  return new SignJWT({ ...claims, ...payload })
    .setProtectedHeader({ alg: 'ES256', kid })
    .sign(by.privateKey);
}

const ask = (bearer: string) =>
  askText(
    { url: `${server.url}/graphql` },
    bearer,
    '{ viewer { actor scopes tenantId allTenants apiToken { id } } }',
  );

describe("an OIDC issuer's token", () => {
  it.each<[Claims, object]>([
    [{}, { actor: 'oidc:jo', scopes: ['events:read'], tenantId: '1', allTenants: false }],
    [{ scope: 'openid jobs:read nothing:else' }, { scopes: ['jobs:read'] }],
    [{ scope: undefined, scp: ['jobs:read', 5] }, { scopes: ['jobs:read'] }],
    [{ graphmdm_tenant: 1 }, { tenantId: '1' }],
    [{ graphmdm_tenant: '*' }, { tenantId: null, allTenants: true }],
    [{ aud: ['another', audience] }, { actor: 'oidc:jo' }],
    [{ exp: seconds(-20) }, { actor: 'oidc:jo' }],
  ])('with %j says who calls', async (payload, viewer) => {
    expect(await ask(await token(payload))).toMatchObject({ status: 200, data: { viewer } });
  });

  it.each<[string, Claims]>([
    ['that has expired', { exp: seconds(-60) }],
    ['without an end', { exp: undefined }],
    ['that begins later', { nbf: seconds(600) }],
    ['of another issuer', { iss: 'https://login.example/realm' }],
    ['for somebody else', { aud: 'another' }],
    ['without a subject', { sub: undefined }],
    ['with a tenant that is none', { graphmdm_tenant: 'north' }],
  ])('%s is refused', async (_what, payload) => {
    const { status, errors } = await ask(await token(payload));
    expect([status, errors?.[0]?.extensions['code']]).toEqual([401, 'UNAUTHENTICATED']);
  });

  it('is refused unsigned, with a shared secret, or with a key that is not the issuer’s', async () => {
    const [, payload = ''] = (await token()).split('.');
    const header = Buffer.from('{"alg":"none"}').toString('base64url');
    const shared = await new SignJWT({ iss: issuer, aud: audience, sub: 'jo', exp: seconds(300) })
      .setProtectedHeader({ alg: 'HS256', kid: 'first' })
      .sign(Buffer.from(await jwksBody()));
    const other = await generateKeyPair('ES256');
    for (const bad of [`${header}.${payload}.AA`, shared, await token({}, { by: other })]) {
      expect((await ask(bad)).status).toBe(401);
    }
  });

  it('is not taken for an API token, nor the other way', async () => {
    expect(await ask(adminToken)).toMatchObject({ data: { viewer: { actor: 'token:admin' } } });
    expect((await ask('gmdm_a.b.c')).status).toBe(401);
  });

  it('may be signed with a new key, which is asked for, though not by every caller', async () => {
    time.turn(31_000);
    keys.set('second', await generateKeyPair('ES256'));
    expect((await ask(await token({}, { kid: 'second' }))).status).toBe(200);
    const before = asked;
    const stranger = await generateKeyPair('ES256');
    for (const kid of ['a', 'b', 'c']) {
      expect((await ask(await token({}, { kid, by: stranger }))).status).toBe(401);
    }
    expect(asked).toBe(before);
  });

  it('is still checked by the keys known while the issuer is away', async () => {
    isAway = true;
    time.turn(3_600_000);
    expect((await ask(await token())).status).toBe(200);
    isAway = false;
  });

  it('opens no upload of another subject, nor of its own in another tenant', async () => {
    const scope = 'enrollments:write commands:write push:write jobs:read';
    const bearer = await token({ scope });
    const graph = { url: `${server.url}/graphql` };
    const { data } = await askText(
      graph,
      bearer,
      'mutation { createUpload(input: {}) { ... on CreateUploadPayload { uploadId url } } }',
    );
    const { uploadId, url } = Object(data).createUpload;
    const put = async (by: string) => {
      const headers = { Authorization: `Bearer ${by}` };
      return (await fetch(server.url + url, { method: 'PUT', body: 'a', headers })).status;
    };
    const strangers = [
      await token({ scope, sub: 'ann' }),
      await token({ scope, graphmdm_tenant: '*' }),
    ];
    for (const stranger of strangers) expect(await put(stranger)).toBe(404);
    expect(await put(bearer)).toBe(200);
    const migrate = `mutation { migrateEnrollments(input: { uploadId: "${uploadId}" }) {
      __typename ... on Error { code } } }`;
    for (const stranger of strangers) {
      expect(await askText(graph, stranger, migrate)).toMatchObject({
        data: { migrateEnrollments: { code: 'UNKNOWN_UPLOAD' } },
      });
    }
    expect(await askText(graph, bearer, migrate)).toMatchObject({
      data: { migrateEnrollments: { __typename: 'MigrateEnrollmentsPayload' } },
    });
  });

  it('ends what it holds open when it expires', async () => {
    const document = new TypedDocumentString<unknown, Record<string, never>>(
      'subscription { events { __typename } }',
    );
    const graph = {
      url: `${server.url}/graphql`,
      wsUrl: `${server.url}/graphql`.replace('http', 'ws'),
    };
    const short = await token({ exp: seconds(60) });
    const live = await bySse(graph, short, document);
    await live.next();
    const socket = await rawSocket(graph, { authorization: `Bearer ${short}` });
    await socket.message(({ type }) => type === 'connection_ack');
    time.turn(91_000);
    expect((await socket.whenClosed).code).toBe(4401);
    for (;;) {
      const { done, value } = await live.next();
      if (value?.errors) expect(value.errors[0]?.extensions['code']).toBe('UNAUTHENTICATED');
      if (done || value?.errors) break;
    }
    await live.close();
  });
});

describe('an issuer that was never reached', () => {
  it('is answered for with 503, while API tokens go on', async () => {
    isAway = true;
    const { port } = jwks.address() as AddressInfo;
    const other = await startServer({
      flags: [
        ...['--oidc-issuer', issuer, '--oidc-audience', audience],
        ...['--oidc-jwks-url', `http://127.0.0.1:${port}/keys`],
      ],
    });
    const url = `${other.url}/graphql`;
    const { status, errors } = await askText({ url }, await token(), '{ __typename }');
    expect([status, errors?.[0]?.extensions['code']]).toEqual([503, 'UNAVAILABLE']);
    expect((await askText({ url }, adminToken, '{ __typename }')).status).toBe(200);
    await other.stop();
    isAway = false;
  });
});
