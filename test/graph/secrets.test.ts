import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { graphql } from '../../generated/gql/gql.ts';
import type { CheckInsOfQueryVariables } from '../../generated/gql/graphql.ts';
import { ask, askText, dataOf } from './ask.ts';
import { type GraphServer, startGraph } from './graph-server.ts';
import { aCheckIn, aResult, aStoredCommand, anEnrollment, anEvent, leftTokens } from './rows.ts';
import { bySse } from './subscribe.ts';

let server: GraphServer;
let reader: string;
let trusted: string;
let stranger: string;

const secret = 'planted-secret-of-a-device';
const base64 = Buffer.from(secret).toString('base64');

beforeAll(async () => {
  server = await startGraph();
  ({ token: reader } = await server.token({
    scopes: ['enrollments:read', 'commands:read', 'events:read'],
  }));
  ({ token: trusted } = await server.token());
  await server.pool.query(`insert into tenant (id, name) values (2, 'other')`);
  ({ token: stranger } = await server.token({ tenant: 2 }));
});

beforeEach(async () => {
  await server.pool.query('truncate audit_entry');
  server.statements.length = 0;
});

afterAll(() => server.stop());

async function audited(): Promise<readonly unknown[]> {
  const { rows } = await server.pool.query<{ action: string; details: unknown }>(
    'select action, details from audit_entry order by key',
  );
  expect(rows.filter(({ action }) => action !== 'readSecret')).toEqual([]);
  expect(JSON.stringify(rows)).not.toMatch(new RegExp(`${secret}|${base64}`));
  return rows.map(({ details }) => details);
}

function auditStatements(): number {
  return server.statements.filter((text) => text.includes('insert into audit_entry')).length;
}

const tokensOf = graphql(`
  query TokensOf($udid: String!) {
    enrollment(udid: $udid) {
      ... on DeviceEnrollment {
        hasUnlockToken
        unlockToken
        bootstrapToken
      }
    }
  }
`);

const checkInsOf = graphql(`
  query CheckInsOf($udid: String!, $last: Int, $before: String, $first: Int, $after: String) {
    enrollment(udid: $udid) {
      checkIns(last: $last, before: $before, first: $first, after: $after) {
        edges {
          cursor
          node {
            id
            messageType
            receivedAt
            traceId
            enrollmentId
            urlParams {
              name
              value
            }
            raw
            decoded
          }
        }
        pageInfo {
          hasNextPage
          hasPreviousPage
        }
      }
    }
  }
`);

const checkInNode = graphql(`
  query CheckInNode($id: ID!) {
    node(id: $id) {
      ... on CheckIn {
        messageType
        decoded
      }
    }
  }
`);

const everySecret = graphql(`
  query EverySecret($ids: [ID!]!) {
    enrollments(first: 50, filter: { ids: $ids }) {
      edges {
        node {
          checkIns {
            edges {
              node {
                raw
                decoded
              }
            }
          }
          results {
            edges {
              node {
                raw
                decoded
                command {
                  raw
                }
              }
            }
          }
          ... on DeviceEnrollment {
            unlockToken
            bootstrapToken
          }
        }
      }
    }
  }
`);

const namesOnly = graphql(`
  query NamesOnly($udid: String!) {
    enrollment(udid: $udid) {
      checkIns {
        edges {
          node {
            messageType
          }
        }
      }
      results {
        edges {
          node {
            status
            errorChain {
              errorCode
            }
          }
        }
      }
    }
  }
`);

const bootstrapTokens = graphql(`
  subscription BootstrapTokens {
    events(filter: { types: [BootstrapTokenSet] }) {
      __typename
      ... on BootstrapTokenSetEvent {
        enrollmentId
        checkIn {
          messageType
          decoded
        }
      }
    }
  }
`);

async function pageOf(variables: CheckInsOfQueryVariables, as = trusted) {
  const { enrollment } = await dataOf(ask(server, as, checkInsOf, variables));
  if (!enrollment) throw new Error('no enrolment');
  const { edges, pageInfo } = enrollment.checkIns;
  return { nodes: edges.map(({ node }) => node), cursors: edges.map((e) => e.cursor), pageInfo };
}

describe('the tokens that a device has left', () => {
  const udid = 'WITH-TOKENS';

  beforeAll(async () => {
    await anEnrollment(server.pool, { id: udid });
    await leftTokens(server, udid, {
      unlock: Buffer.from(secret),
      bootstrap: Buffer.from(`${secret}-2`),
    });
  });

  it('are shown to secrets:read, on record', async () => {
    const { enrollment } = await dataOf(ask(server, trusted, tokensOf, { udid }));
    expect(enrollment).toEqual({
      hasUnlockToken: true,
      unlockToken: base64,
      bootstrapToken: Buffer.from(`${secret}-2`).toString('base64'),
    });
    expect(await audited()).toEqual([
      { what: 'unlockToken', enrollmentId: udid },
      { what: 'bootstrapToken', enrollmentId: udid },
    ]);
    expect(auditStatements()).toBe(1);
    const { rows } = await server.pool.query(
      'select distinct tenant_id, actor, length(trace_id) > 0 as traced from audit_entry',
    );
    expect(rows).toEqual([
      { tenant_id: 1, actor: expect.stringMatching(/^token:test /), traced: true },
    ]);
  });

  it('are kept from a token without it, which is told the scope', async () => {
    const { data, errors } = await ask(server, reader, tokensOf, { udid });
    expect(data?.enrollment).toEqual({
      hasUnlockToken: true,
      unlockToken: null,
      bootstrapToken: null,
    });
    expect(errors?.map(({ message }) => message)).toEqual([
      expect.stringContaining('secrets:read'),
      expect.stringContaining('secrets:read'),
    ]);
    expect(await audited()).toEqual([]);
  });

  it("are not there for another tenant's token", async () => {
    expect(await dataOf(ask(server, stranger, tokensOf, { udid }))).toEqual({ enrollment: null });
    expect(await audited()).toEqual([]);
  });

  it('are null where there are none, and nothing is on record', async () => {
    await anEnrollment(server.pool, { id: 'WITHOUT-TOKENS' });
    const answer = await dataOf(ask(server, trusted, tokensOf, { udid: 'WITHOUT-TOKENS' }));
    expect(answer.enrollment).toMatchObject({ unlockToken: null, bootstrapToken: null });
    expect(await audited()).toEqual([]);
  });

  it('are not answered when that cannot be put on record', async () => {
    await server.pool.query('alter table audit_entry rename to audit_entry_away');
    try {
      const answer = await ask(server, trusted, tokensOf, { udid });
      expect(answer.data?.enrollment).toMatchObject({ unlockToken: null, bootstrapToken: null });
      expect(answer.errors).toHaveLength(2);
      expect(JSON.stringify(answer)).not.toContain(base64.slice(0, 30));
    } finally {
      await server.pool.query('alter table audit_entry_away rename to audit_entry');
    }
  });
});

describe('check-ins', () => {
  const udid = 'WITH-CHECK-INS';
  let key: string;
  let update: { readonly id: string; readonly bytes: Buffer };

  beforeAll(async () => {
    key = await anEnrollment(server.pool, { id: udid });
    await aCheckIn(
      server,
      key,
      { MessageType: 'CheckOut', UDID: udid, Topic: 'com.example.mdm' },
      { receivedAt: '2026-11-23T08:00:00Z' },
    );
    update = await aCheckIn(
      server,
      key,
      { MessageType: 'TokenUpdate', UDID: udid, UnlockToken: Buffer.from(secret) },
      { receivedAt: '2026-11-23T09:00:00Z' },
    );
  });

  it('show their secrets to secrets:read, each on record once', async () => {
    const { nodes } = await pageOf({ udid });
    expect(nodes).toMatchObject([
      { messageType: 'CheckOut' },
      {
        messageType: 'TokenUpdate',
        receivedAt: '2026-11-23T09:00:00.000Z',
        traceId: 'trace',
        enrollmentId: udid,
        urlParams: [{ name: 'site', value: 'north' }],
        raw: update.bytes.toString('base64'),
        decoded: { UnlockToken: { $data: base64 } },
      },
    ]);
    expect(await audited()).toEqual([
      { what: 'checkIn', enrollmentId: udid, checkInId: update.id, messageType: 'TokenUpdate' },
    ]);
    expect(auditStatements()).toBe(1);
  });

  it('mask them for others', async () => {
    const { nodes } = await pageOf({ udid }, reader);
    const raw = Buffer.from(nodes[1]?.raw ?? '', 'base64').toString();
    expect(raw).toContain('&lt;redacted&gt;');
    expect(nodes[1]?.decoded).toMatchObject({ UDID: udid, UnlockToken: '<redacted>' });
    expect(JSON.stringify(nodes) + raw).not.toContain(secret);
    expect(JSON.stringify(nodes) + raw).not.toContain(base64);
    expect(await audited()).toEqual([]);
  });

  it("are not there for another tenant's token, also not by their global id", async () => {
    const { nodes } = await pageOf({ udid });
    const id = nodes[1]?.id ?? '';
    expect(await dataOf(ask(server, stranger, checkInsOf, { udid }))).toEqual({ enrollment: null });
    expect(await dataOf(ask(server, stranger, checkInNode, { id }))).toEqual({ node: null });
    expect(await dataOf(ask(server, trusted, checkInNode, { id }))).toMatchObject({
      node: { messageType: 'TokenUpdate', decoded: { UnlockToken: { $data: base64 } } },
    });
  });

  it('are listed without a look at their bytes, and an error without a look at secrets', async () => {
    const command = await aStoredCommand(server.pool, { requestType: 'RequestUnlockToken' });
    await aResult(server, { key, id: udid }, command, {
      Status: 'Error',
      ErrorChain: [{ ErrorCode: 7 }],
    });
    const { enrollment } = await dataOf(ask(server, trusted, namesOnly, { udid }));
    expect(enrollment?.checkIns.edges).toHaveLength(2);
    expect(enrollment?.results.edges[0]?.node.errorChain).toEqual([{ errorCode: 7 }]);
    expect(server.statements.some((text) => text.includes('from check_in'))).toBe(true);
    expect(server.statements.filter((text) => text.includes('m.raw'))).toEqual([]);
    expect(await audited()).toEqual([]);
  });

  it('page in both directions through those of one moment, to the microsecond', async () => {
    const many = await anEnrollment(server.pool, { id: 'MANY-CHECK-INS' });
    const at = (micros: string) => ({ receivedAt: `2026-11-23T08:00:00.${micros}Z` });
    const message = { MessageType: 'CheckOut' };
    const early = await aCheckIn(server, many, message, at('000001'));
    const same = [];
    for (let count = 0; count < 4; count += 1) {
      same.push((await aCheckIn(server, many, message, at('000002'))).id);
    }
    const late = await aCheckIn(server, many, message, at('000003'));
    const all = [early.id, ...same.toSorted(), late.id];
    const idOf = (node: { readonly id: string }) =>
      Buffer.from(node.id, 'base64').toString().replace('CheckIn:', '');

    const forwards: string[] = [];
    for (let after: string | null = null, more = true; more; ) {
      const page = await pageOf({ udid: 'MANY-CHECK-INS', first: 2, after });
      forwards.push(...page.nodes.map(idOf));
      after = page.cursors.at(-1) ?? null;
      more = page.pageInfo.hasNextPage && forwards.length < 20;
    }
    expect(forwards).toEqual(all);

    const backwards: string[] = [];
    for (let before: string | null = null, more = true; more; ) {
      const page = await pageOf({ udid: 'MANY-CHECK-INS', last: 4, before });
      backwards.unshift(...page.nodes.map(idOf));
      before = page.cursors[0] ?? null;
      more = page.pageInfo.hasPreviousPage && backwards.length < 20;
    }
    expect(backwards).toEqual(all);
  });

  it('refuse a cursor that is none of theirs', async () => {
    const cursor = Buffer.from(JSON.stringify(['check-ins', '1', 'no uuid'])).toString('base64url');
    const { errors } = await ask(server, trusted, checkInsOf, { udid, after: cursor });
    expect(errors?.[0]?.extensions['code']).toBe('CURSOR_INVALID');
  });
});

describe('the body of a command', () => {
  it('with secrets is shown to secrets:read on record, and one without leaves none', async () => {
    const lock = await aStoredCommand(server.pool, { requestType: 'DeviceLock' });
    const plain = await aStoredCommand(server.pool, { requestType: 'ProfileList' });
    const text = `query { a: command(uuid: "${lock.uuid}") { raw } b: command(uuid: "${plain.uuid}") { raw } }`;
    expect(await askText(server, reader, text)).not.toHaveProperty('errors');
    expect(await audited()).toEqual([]);
    expect(await askText(server, trusted, text)).not.toHaveProperty('errors');
    expect(await audited()).toEqual([
      { what: 'commandBody', commandUuid: lock.uuid, requestType: 'DeviceLock' },
    ]);
  });
});

describe('many secrets in one answer', () => {
  it('are put on record by a statement for each kind, not for each row', async () => {
    const ids = ['BULK-1', 'BULK-2', 'BULK-3', 'BULK-4', 'BULK-5'];
    for (const id of ids) {
      const key = await anEnrollment(server.pool, { id });
      await leftTokens(server, id, { unlock: Buffer.from(secret), bootstrap: Buffer.from(secret) });
      for (let count = 0; count < 3; count += 1) {
        const Token = Buffer.from(secret);
        await aCheckIn(server, key, { MessageType: 'TokenUpdate', UDID: id, Token });
        const command = await aStoredCommand(server.pool, { requestType: 'RequestUnlockToken' });
        await aResult(server, { key, id }, command, { UnlockToken: Buffer.from(secret) });
        const lock = await aStoredCommand(server.pool, { requestType: 'DeviceLock' });
        await aResult(server, { key, id }, lock);
      }
    }
    const masked = await ask(server, reader, everySecret, { ids });
    expect(masked.data?.enrollments.edges).toHaveLength(ids.length);
    expect(JSON.stringify(masked.data)).not.toContain(base64);
    expect(await audited()).toEqual([]);

    server.statements.length = 0;
    await dataOf(ask(server, trusted, everySecret, { ids }));
    const entries = (await audited()).map((details) => String(Object(details).what));
    const count = (what: string) => entries.filter((entry) => entry === what).length;
    expect({
      unlockToken: count('unlockToken'),
      bootstrapToken: count('bootstrapToken'),
      checkIn: count('checkIn'),
      result: count('result'),
      commandBody: count('commandBody'),
    }).toEqual({
      unlockToken: ids.length,
      bootstrapToken: ids.length,
      checkIn: ids.length * 3,
      result: ids.length * 3,
      commandBody: ids.length * 3,
    });
    expect(auditStatements()).toBeLessThanOrEqual(4);
    expect(server.statements.filter((text) => text.includes('from check_in'))).toHaveLength(2);
    expect(server.statements.length).toBeLessThanOrEqual(16);
  });
});

describe('a subscription', () => {
  it('shows what an event brought, to each by its scopes, on record before it is sent', async () => {
    const id = 'LIVE-TOKEN';
    const enrollmentKey = await anEnrollment(server.pool, { id });
    const open = await Promise.all(
      [trusted, reader, stranger].map((token) => bySse(server, token, bootstrapTokens)),
    );
    for (const subscription of open) {
      const { value } = await subscription.next();
      expect(value.data?.events.__typename).toBe('Checkpoint');
    }
    const checkIn = await aCheckIn(server, enrollmentKey, {
      MessageType: 'SetBootstrapToken',
      BootstrapToken: Buffer.from(secret),
    });
    const event = { type: 'BootstrapTokenSet', enrollmentKey };
    await anEvent(server, { ...event, checkInId: checkIn.id });
    const foreignKey = await anEnrollment(server.pool, { id: 'LIVE-FOREIGN', tenant: 2 });
    const foreignEvent = { ...event, tenant: 2, enrollmentKey: foreignKey };
    await anEvent(server, { ...foreignEvent, checkInId: checkIn.id });

    const [clear, masked, foreign] = await Promise.all(open.map((one) => one.next()));
    expect(clear?.value.data?.events).toMatchObject({
      enrollmentId: id,
      checkIn: { messageType: 'SetBootstrapToken', decoded: { BootstrapToken: { $data: base64 } } },
    });
    expect(await audited()).toEqual([
      {
        what: 'checkIn',
        enrollmentId: id,
        checkInId: checkIn.id,
        messageType: 'SetBootstrapToken',
      },
    ]);
    expect(masked?.value.data?.events).toMatchObject({
      enrollmentId: id,
      checkIn: { decoded: { BootstrapToken: '<redacted>' } },
    });
    expect(foreign?.value.data?.events).toMatchObject({
      enrollmentId: 'LIVE-FOREIGN',
      checkIn: null,
    });
    await Promise.all(open.map((one) => one.close()));
  });

  it('puts each look on record, though others look at the same event', async () => {
    const id = 'LIVE-LOOKS';
    const enrollmentKey = await anEnrollment(server.pool, { id });
    const open = await Promise.all(
      [trusted, trusted, trusted].map((token) => bySse(server, token, bootstrapTokens)),
    );
    for (const subscription of open) await subscription.next();
    const checkIn = await aCheckIn(server, enrollmentKey, {
      MessageType: 'SetBootstrapToken',
      BootstrapToken: Buffer.from(secret),
    });
    await anEvent(server, { type: 'BootstrapTokenSet', enrollmentKey, checkInId: checkIn.id });
    for (const { value } of await Promise.all(open.map((one) => one.next()))) {
      expect(value.data?.events).toMatchObject({
        checkIn: { decoded: { BootstrapToken: { $data: base64 } } },
      });
    }
    expect(await audited()).toHaveLength(open.length);
    const { rows } = await server.pool.query('select distinct trace_id from audit_entry');
    expect(rows).toHaveLength(open.length);
    await Promise.all(open.map((one) => one.close()));
  });
});
