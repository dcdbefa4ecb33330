import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scopes } from '../../server/model/viewer.ts';
import { ask, askText, dataOf } from '../graph/ask.ts';
import { type GraphServer, startGraph } from '../graph/graph-server.ts';
import { byWebSocket } from '../graph/subscribe.ts';
import {
  audit,
  createToken,
  listTokens,
  liveEvents,
  revokeToken,
  rotateToken,
  updateToken,
  whoAmI,
} from './graph-documents.ts';

let server: GraphServer;
/** Of tenant 1, with every scope. */
let own: string;
/** Of all tenants. */
let operator: string;

beforeAll(async () => {
  server = await startGraph();
  await server.pool.query("insert into tenant (id, name) values (2, 'other')");
  ({ token: own } = await server.token());
  ({ token: operator } = await server.token({ tenant: null }));
});
afterAll(() => server.stop());

async function made(input: Record<string, unknown> = {}, token = own) {
  const variables = { input: { name: 'ci', scopes: ['events:read'], ...input } };
  const { createApiToken: answer } = await dataOf(ask(server, token, createToken, variables));
  return answer;
}

async function aToken(input: Record<string, unknown> = {}, token = own) {
  const answer = await made(input, token);
  if (answer.__typename !== 'NewApiTokenPayload') throw new Error(JSON.stringify(answer));
  return { secret: answer.secret, id: answer.apiToken?.tokenId ?? '' };
}

const isGood = async (secret: string) =>
  (await askText(server, secret, '{ __typename }')).status === 200;

describe('viewer', () => {
  it('tells who one is taken for', async () => {
    const { secret, id } = await aToken({ name: 'me', scopes: ['tokens:read', 'tenants:read'] });
    expect(await dataOf(ask(server, secret, whoAmI))).toEqual({
      viewer: {
        actor: 'token:me',
        scopes: ['tokens:read', 'tenants:read'],
        allTenants: false,
        tenantId: '1',
        expiresAt: null,
        tenant: { tenantId: '1', name: 'default' },
        apiToken: { tokenId: id, name: 'me' },
      },
    });
  });

  it('shows links only to who has the scopes for them', async () => {
    const { secret } = await aToken({ scopes: ['events:read'] });
    const { viewer } = await dataOf(ask(server, secret, whoAmI));
    expect(viewer).toMatchObject({ tenant: null, apiToken: null, scopes: ['events:read'] });
  });
});

describe('createApiToken', () => {
  it('tells the secret once; the database, the audit and the log have none of it', async () => {
    const { secret, id } = await aToken({ name: 'once' });
    expect(secret).toMatch(/^gmdm_[\w-]{43}$/);
    expect(await isGood(secret)).toBe(true);
    const { rows } = await server.pool.query<{ all: string }>(
      `select coalesce((select string_agg(t::text, ' ') from api_token t), '') ||
         (select string_agg(a::text, ' ') from audit_entry a) as all`,
    );
    expect(rows[0]?.all).toContain(id);
    expect(rows[0]?.all).not.toContain(secret);
    const { apiTokens } = await dataOf(ask(server, own, listTokens, { first: 1 }));
    expect(apiTokens.edges[0]?.node).toMatchObject({
      tokenId: id,
      name: 'once',
      createdBy: expect.stringMatching(/^token:test /),
      state: 'GOOD',
    });
  });

  it('tells it again for its idempotency key, kept sealed meanwhile', async () => {
    const idempotencyKey = randomUUID();
    const first = await made({ idempotencyKey });
    const again = await made({ idempotencyKey });
    expect(again).toEqual({ ...first, replayed: true });
    const { rows } = await server.pool.query<{ all: string }>(
      "select string_agg(r::text, ' ') as all from idempotent_request r",
    );
    const secret = first.__typename === 'NewApiTokenPayload' ? first.secret : '';
    expect(rows[0]?.all).not.toContain(secret);
    expect(rows[0]?.all).not.toContain(Buffer.from(secret).toString('base64'));
  });

  it('gives away nothing that its own token lacks', async () => {
    const narrow = await aToken({ scopes: ['tokens:write', 'events:read'] });
    const beyond = await made({ scopes: ['events:read', 'secrets:read'] }, narrow.secret);
    expect(beyond).toMatchObject({ __typename: 'ForbiddenError', code: 'SCOPE_NOT_HELD' });
    expect(await made({ scopes: ['events:read'] }, narrow.secret)).toMatchObject({
      __typename: 'NewApiTokenPayload',
    });
    expect(await made({ tenantId: '2' })).toMatchObject({ code: 'OTHER_TENANT' });
    const soon = new Date(Date.now() + 3_600_000);
    const brief = await aToken({ scopes: ['tokens:write'], expiresAt: soon.toISOString() });
    for (const expiresAt of [undefined, new Date(soon.getTime() + 1_000).toISOString()]) {
      expect(await made({ scopes: ['tokens:write'], expiresAt }, brief.secret)).toMatchObject({
        code: 'LASTS_TOO_LONG',
      });
    }
    expect(await made({}, (await aToken({ scopes: ['tokens:read'] })).secret)).toMatchObject({
      __typename: 'ForbiddenError',
      message: expect.stringContaining('tokens:write'),
    });
  });

  it('makes one for a tenant that an operator names, and for all only from such', async () => {
    const { secret } = await aToken({ tenantId: '2', scopes: ['tokens:read'] }, operator);
    const { viewer } = await dataOf(ask(server, secret, whoAmI));
    expect(viewer).toMatchObject({ tenantId: '2', allTenants: false });
    const all = await aToken({ scopes: ['tokens:read'] }, operator);
    expect((await dataOf(ask(server, all.secret, whoAmI))).viewer.allTenants).toBe(true);
    expect(await made({ tenantId: '77' }, operator)).toMatchObject({ code: 'UNKNOWN_TENANT' });
    expect(await made({ tenantId: 'x' }, operator)).toMatchObject({ code: 'UNKNOWN_TENANT' });
  });

  it.each([
    [{ name: '' }, 'BAD_NAME'],
    [{ name: 'line\nbreak' }, 'BAD_NAME'],
    [{ scopes: [] }, 'NO_SCOPES'],
    [{ scopes: ['events:read', 'nothing'] }, 'UNKNOWN_SCOPE'],
    [{ scopes: ['*'] }, 'UNKNOWN_SCOPE'],
    [{ expiresAt: '2020-01-01T00:00:00Z' }, 'EXPIRED'],
  ])('with %j is told what is wrong', async (input, code) => {
    expect(await made(input)).toMatchObject({ __typename: 'ValidationError', code });
  });
});

describe('rotateApiToken', () => {
  const rotate = async (input: { tokenId: string; overlapSeconds?: number }, token = own) => {
    const variables = { input: { overlapSeconds: 0, ...input } };
    return (await dataOf(ask(server, token, rotateToken, variables))).rotateApiToken;
  };

  it('gives another secret; the old one ends at once', async () => {
    const old = await aToken({ name: 'rotated', scopes: ['events:read', 'jobs:read'] });
    expect(await isGood(old.secret)).toBe(true);
    const answer = await rotate({ tokenId: old.id });
    expect(answer).toMatchObject({
      apiToken: { name: 'rotated', scopes: ['events:read', 'jobs:read'], replaces: old.id },
    });
    const secret = answer.__typename === 'NewApiTokenPayload' ? answer.secret : '';
    expect(await isGood(secret)).toBe(true);
    const { rows } = await server.pool.query(
      'select revoked_at is not null as ended from api_token where id = $1',
      [old.id],
    );
    expect(rows).toEqual([{ ended: true }]);
    expect(await rotate({ tokenId: old.id })).toMatchObject({ code: 'TOKEN_ENDED' });
  });

  it('lets the old one go on for as long as is asked', async () => {
    const old = await aToken();
    await rotate({ tokenId: old.id, overlapSeconds: 3_600 });
    expect(await isGood(old.secret)).toBe(true);
    const { apiTokens } = await dataOf(ask(server, own, listTokens, { first: 5 }));
    const kept = apiTokens.edges.find(({ node }) => node.tokenId === old.id)?.node;
    const left = Date.parse(kept?.expiresAt ?? '') - Date.now();
    expect(left).toBeGreaterThan(3_500_000);
    expect(left).toBeLessThanOrEqual(3_600_000);
    expect(await rotate({ tokenId: old.id, overlapSeconds: -1 })).toMatchObject({
      code: 'BAD_OVERLAP',
    });
  });

  it('is no way to a token that allows more', async () => {
    const strong = await aToken({ scopes: ['secrets:read'] });
    const weak = await aToken({ scopes: ['tokens:write'] });
    expect(await rotate({ tokenId: strong.id }, weak.secret)).toMatchObject({
      code: 'SCOPE_NOT_HELD',
    });
    expect(await isGood(strong.secret)).toBe(true);
    const all = await aToken({ scopes: ['tokens:write'] }, operator);
    expect(await rotate({ tokenId: all.id })).toMatchObject({ code: 'UNKNOWN_TOKEN' });
  });
});

describe('updateApiToken', () => {
  const update = async (input: Parameters<typeof variables>[0], token = own) =>
    (await dataOf(ask(server, token, updateToken, variables(input)))).updateApiToken;
  const variables = (input: {
    tokenId: string;
    name?: string;
    scopes?: string[];
    expiresAt?: string | null;
  }) => ({ input });

  it('narrows, renames and moves the end', async () => {
    const { id } = await aToken({ scopes: ['events:read', 'jobs:read'] });
    const expiresAt = new Date(Date.now() + 86_400_000).toISOString();
    expect(
      await update({ tokenId: id, name: 'less', scopes: ['jobs:read'], expiresAt }),
    ).toMatchObject({ apiToken: { name: 'less', scopes: ['jobs:read'], expiresAt } });
    expect(await update({ tokenId: id, expiresAt: null })).toMatchObject({
      apiToken: { expiresAt: null, name: 'less' },
    });
  });

  it('never adds a scope, and needs something to do', async () => {
    const { id } = await aToken({ scopes: ['events:read'] });
    const scopes = ['events:read', 'jobs:read'];
    expect(await update({ tokenId: id, scopes })).toMatchObject({
      code: 'SCOPE_ADDED',
      path: ['input', 'scopes', '1'],
    });
    expect(await update({ tokenId: id })).toMatchObject({ code: 'NOTHING_TO_DO' });
  });

  it('closes what was open with a scope that is gone', async () => {
    const { id, secret } = await aToken({ scopes: ['events:read', 'jobs:read'] });
    const live = await byWebSocket(server, secret, liveEvents, {});
    await live.next();
    await update({ tokenId: id, scopes: ['jobs:read'] });
    await expect(
      (async () => {
        for (;;) {
          const { done, value } = await live.next();
          if (done || value.errors) throw new Error('ended');
        }
      })(),
    ).rejects.toBeDefined();
    await live.close();
  });
});

describe('revokeApiToken', () => {
  it('ends a token, whichever way it is named, and again without harm', async () => {
    const { id, secret } = await aToken();
    const tokenId = Buffer.from(`ApiToken:${id}`).toString('base64');
    for (const named of [tokenId, id]) {
      const variables = { input: { tokenId: named } };
      const { revokeApiToken: answer } = await dataOf(ask(server, own, revokeToken, variables));
      expect(answer).toMatchObject({ apiToken: { state: 'REVOKED' } });
    }
    expect(await isGood(secret)).toBe(false);
  });

  it('finds no token of another tenant, or of none', async () => {
    const other = await aToken({ tenantId: '2', scopes: ['tokens:read'] }, operator);
    for (const tokenId of [other.id, 'nothing', randomUUID()]) {
      const variables = { input: { tokenId } };
      const { revokeApiToken: answer } = await dataOf(ask(server, own, revokeToken, variables));
      expect(answer).toMatchObject({ __typename: 'NotFoundError', code: 'UNKNOWN_TOKEN' });
    }
    expect(await isGood(other.secret)).toBe(true);
  });
});

describe('auditEntries', () => {
  it('are who did what, by actor, action and time, in pages', async () => {
    const from = new Date().toISOString();
    const actor = `token:${randomUUID()}`;
    const { secret } = await aToken({ name: actor.slice(6), scopes: [...scopes] });
    await aToken({ name: 'first', scopes: ['events:read'] }, secret);
    const { id } = await aToken({ name: 'second', scopes: ['events:read'] }, secret);
    await ask(server, secret, revokeToken, { input: { tokenId: id } });
    const entries = async (filter: object, page: object = {}) =>
      (await dataOf(ask(server, own, audit, { filter, ...page }))).auditEntries;
    const all = await entries({ actors: [actor] });
    expect(all.edges.map(({ node }) => node.action)).toEqual([
      'revokeApiToken',
      'createApiToken',
      'createApiToken',
    ]);
    expect(all.edges[0]?.node).toMatchObject({
      actor,
      traceId: expect.stringMatching(/^[\da-f]{32}$/),
      details: { tokenId: id, name: 'second' },
      tenant: { tenantId: '1' },
    });
    const first = await entries({ actors: [actor] }, { first: 2 });
    expect(first.pageInfo.hasNextPage).toBe(true);
    const rest = await entries({ actors: [actor] }, { first: 2, after: first.pageInfo.endCursor });
    expect([...first.edges, ...rest.edges]).toEqual(all.edges);
    const some = await entries({ actors: [actor], actions: ['revokeApiToken'], from });
    expect(some.edges).toHaveLength(1);
    expect((await entries({ actors: [actor], until: from })).edges).toEqual([]);
    expect((await entries({ actors: ['token:\0'] })).edges).toEqual([]);
  });
});
