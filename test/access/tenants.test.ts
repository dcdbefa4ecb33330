import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MoveEnrollmentsInput } from '../../generated/gql/graphql.ts';
import { buildCommand } from '../../server/protocol/messages/command.ts';
import { type EnrollServer, rsaKey, startEnrollServer } from '../enrollment/enroll-server.ts';
import { bySse } from '../graph/subscribe.ts';
import { adminToken } from '../harness/server.ts';
import {
  createTenant,
  cursorNow,
  listTenants,
  liveEvents,
  moveEnrollments,
  renameTenant,
  seenOf,
} from './graph-documents.ts';

let server: EnrollServer;

beforeAll(async () => {
  server = await startEnrollServer();
});
afterAll(() => server.stop());

async function aTenant(name = `tenant ${randomUUID()}`): Promise<number> {
  const { createTenant: made } = await server.ask(createTenant, { input: { name } });
  if (made.__typename !== 'TenantPayload') throw new Error(JSON.stringify(made));
  return Number(made.tenant?.tenantId);
}

async function move(
  ids: readonly string[],
  to: number,
  more: { expectedCount?: number; idempotencyKey?: string } = {},
  token = adminToken,
) {
  const input = {
    targets: { ids: [...ids] },
    toTenantId: String(to),
    validateOnly: false,
    ...more,
  };
  return (await server.ask(moveEnrollments, { input }, token)).moveEnrollments;
}

async function enqueue(token: string, id: string, uuid: string): Promise<void> {
  const query = `mutation ($id: ID!, $plist: String!) {
    enqueueCommand(input: { targets: { ids: [$id] }, command: { plist: $plist }, push: false }) {
      __typename
    }
  }`;
  const plist = buildCommand('ProfileList', {}, uuid).toString();
  const response = await fetch(server.graph.url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables: { id, plist } }),
  });
  expect(await response.json()).toMatchObject({
    data: { enqueueCommand: { __typename: 'EnqueueCommandPayload' } },
  });
}

const seen = async (id: string, token: string) =>
  (await server.ask(seenOf, { id }, token)).enrollment;

describe('tenants', () => {
  it('are made and renamed, and each name is one tenant’s', async () => {
    const name = `school ${randomUUID()}`;
    const tenant = await aTenant(name);
    const again = await server.ask(createTenant, { input: { name } });
    expect(again.createTenant).toMatchObject({ __typename: 'ConflictError', code: 'NAME_TAKEN' });
    const rename = async (tenantId: string, to: string, token = adminToken) =>
      (await server.ask(renameTenant, { input: { tenantId, name: to } }, token)).renameTenant;
    expect(await rename(String(tenant), `${name} 2`)).toMatchObject({
      tenant: { name: `${name} 2` },
    });
    expect(await rename(String(tenant), 'default')).toMatchObject({ code: 'NAME_TAKEN' });
    expect(await rename('99999', 'x')).toMatchObject({ __typename: 'NotFoundError' });
    expect(await rename(String(tenant), ' x')).toMatchObject({ code: 'BAD_NAME' });
    const token = await server.token({ tenant });
    expect(await rename(String(tenant), `${name} 3`, token)).toMatchObject({
      tenant: { name: `${name} 3` },
    });
    expect(await rename('1', 'mine', token)).toMatchObject({ __typename: 'NotFoundError' });
  });

  it('are listed to operators, and to a tenant only itself', async () => {
    const tenant = await aTenant();
    const token = await server.token({ tenant });
    const ids = async (by: string) =>
      (await server.ask(listTenants, {}, by)).tenants.edges.map(({ node }) => node.tenantId);
    expect(await ids(token)).toEqual([String(tenant)]);
    expect(await ids(adminToken)).toEqual(expect.arrayContaining(['1', String(tenant)]));
  });

  it('made at the same moment are different ones', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => aTenant()));
    expect(new Set(made).size).toBe(8);
  });

  it('are made by operators only', async () => {
    const token = await server.token({ tenant: await aTenant() });
    const { createTenant: made } = await server.ask(
      createTenant,
      { input: { name: 'mine' } },
      token,
    );
    expect(made).toMatchObject({ __typename: 'ForbiddenError', code: 'ALL_TENANTS_NEEDED' });
  });
});

describe('an enrolment', () => {
  it('belongs to the tenant of its invitation and keeps it when it enrols anew', async () => {
    const tenant = await aTenant();
    const token = await server.token({ tenant });
    const invited = await server.invite({ useLimit: 2 }, token);
    const { device } = await server.enrolBy(invited, { key: rsaKey() });
    const id = device.enrollmentId;
    expect(await seen(id, token)).toMatchObject({ enrollmentId: id });
    // Anew by another tenant's invitation, as after an erase.
    const elsewhere = await server.invite({}, await server.token({ tenant: await aTenant() }));
    const { device: other } = await server.enrolBy(elsewhere, { key: rsaKey() });
    await server.store.database.graph.query(
      'update device_certificate set device_key = (select key from enrollment where id = $1) where device_key = (select key from enrollment where id = $2)',
      [id, other.enrollmentId],
    );
    await device.reenrol(other.identity);
    expect(await seen(id, token)).toMatchObject({ enrollmentId: id });
  });

  it('moves with its users’ channels; what waits ends, what was answered stays behind', async () => {
    const [from, to] = [await aTenant(), await aTenant()];
    const [left, right] = [
      await server.token({ tenant: from }),
      await server.token({ tenant: to }),
    ];
    const invited = await server.invite({}, left);
    const { device } = await server.enrolBy(invited, { key: rsaKey() });
    const id = device.enrollmentId;
    await device.user({ id: 'A-USER', shortName: 'a', longName: 'A User' }).tokenUpdate();
    const uuid = (what: string) => `${what}-${id}`;
    await enqueue(left, id, uuid('answered'));
    await device.channel.connect();
    await enqueue(left, id, uuid('waiting'));
    const before = (await server.ask(cursorNow, {})).eventCursor;

    const idempotencyKey = randomUUID();
    const answer = { movedCount: 1, endedCount: 1, sample: [{ enrollmentId: id }] };
    expect(await move([id], to, { idempotencyKey })).toMatchObject({ ...answer, replayed: false });
    expect(await move([id], to, { idempotencyKey })).toMatchObject({ ...answer, replayed: true });
    expect(await move([id], to)).toMatchObject({ movedCount: 0, endedCount: 0 });

    expect(await seen(id, left)).toBeNull();
    expect(await seen(`${id}:A-USER`, left)).toBeNull();
    const there = await seen(id, right);
    expect(there).toMatchObject({ queue: { edges: [] }, results: { edges: [] } });
    expect(there?.checkIns.edges.length).toBeGreaterThan(0);
    expect(await seen(`${id}:A-USER`, right)).toMatchObject({ enrollmentId: `${id}:A-USER` });
    const all = await seen(id, adminToken);
    expect(all?.results.edges.map(({ node }) => [node.commandUuid, node.ended])).toEqual([
      [uuid('answered'), 'ANSWERED'],
      [uuid('waiting'), 'MOVED'],
    ]);

    const eventsOf = async (token: string, count: number) => {
      const live = await bySse(server.graph, token, liveEvents, { after: before });
      const found: unknown[] = [];
      while (found.length < count) {
        const { value } = await live.next();
        // The cursor may be from before the last events that the tail had not come to yet.
        const kind = value.data?.events.__typename;
        if (kind === 'CommandEndedEvent' || kind === 'EnrollmentMovedEvent') {
          found.push(value.data?.events);
        }
      }
      await live.close();
      return found;
    };
    expect(await eventsOf(left, 2)).toEqual([
      expect.objectContaining({ __typename: 'CommandEndedEvent', enrollment: null }),
      expect.objectContaining({
        __typename: 'EnrollmentMovedEvent',
        arrived: false,
        enrollmentId: id,
        enrollment: null,
      }),
    ]);
    expect(await eventsOf(right, 1)).toEqual([
      expect.objectContaining({
        __typename: 'EnrollmentMovedEvent',
        arrived: true,
        enrollment: { enrollmentId: id },
      }),
    ]);

    // It goes on there; and an answer that comes late tells the new tenant nothing of the command.
    await enqueue(right, id, uuid('next'));
    expect((await device.channel.connect()).map(({ command }) => command.uuid)).toEqual([
      uuid('next'),
    ]);
    await device.channel.report(uuid('waiting'), { status: 'Acknowledged' });
    expect((await seen(id, right))?.results.edges).toHaveLength(1);
  });

  it('is moved in bulk only as often as was expected, and by operators only', async () => {
    const [from, to] = [await aTenant(), await aTenant()];
    const token = await server.token({ tenant: from });
    const { device } = await server.enrolBy(await server.invite({}, token), { key: rsaKey() });
    const targets = { filter: { serialNumbers: [device.facts.serialNumber] } };
    const bulk = async (more: Partial<MoveEnrollmentsInput>) =>
      (
        await server.ask(moveEnrollments, {
          input: { targets, toTenantId: String(to), validateOnly: false, ...more },
        })
      ).moveEnrollments;
    expect(await bulk({})).toMatchObject({ code: 'EXPECTED_COUNT_REQUIRED' });
    expect(await bulk({ expectedCount: -1 })).toMatchObject({ code: 'NEGATIVE' });
    expect(await bulk({ validateOnly: true })).toMatchObject({ movedCount: 1, validateOnly: true });
    expect(await seen(device.enrollmentId, token)).not.toBeNull();
    expect(await bulk({ expectedCount: 0 })).toMatchObject({ code: 'TARGETS_CHANGED' });
    const once = { expectedCount: 1, idempotencyKey: 'move it once' };
    expect(await bulk(once)).toMatchObject({ movedCount: 1, replayed: false });
    // As the version stored it that knew of no jobs.
    await server.store.database.graph.query(
      `update idempotent_request set answer = answer - 'jobId' where idempotency_key = $1`,
      [once.idempotencyKey],
    );
    expect(await bulk(once)).toMatchObject({ movedCount: 1, replayed: true });
    expect(await move([device.enrollmentId], from, {}, token)).toMatchObject({
      code: 'ALL_TENANTS_NEEDED',
    });
    expect(await move(['NOBODY'], to)).toMatchObject({ code: 'UNKNOWN_ENROLLMENT' });
    expect(await move([device.enrollmentId], 99_999)).toMatchObject({ code: 'UNKNOWN_TENANT' });
  });
});
