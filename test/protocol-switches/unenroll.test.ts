import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Channel } from '../../clients/simulator/channel.ts';
import type { Device } from '../../clients/simulator/device.ts';
import { issueIdentity } from '../../clients/simulator/identity.ts';
import { createToken } from '../../server/access/tokens.ts';
import { scopes } from '../../server/model/viewer.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import { insertToken } from '../../server/store/tokens.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { checkInType, sendRaw, signedBy } from '../build/raw-request.ts';
import {
  enrollmentOf,
  eventsOf,
  eventTypesOf,
  queueOf,
  resultsOf,
  rowsOf,
} from '../device/stored.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { askServer, fieldOf } from './graph.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ flags: ['--dm', 'http://127.0.0.1:1/'] });
});
afterAll(() => server.stop());

let devices = 0;
async function enrolled(): Promise<Device> {
  const device = await server.device(devices++);
  await device.enrol();
  return device;
}

const ann = { id: 'A', shortName: 'ann', longName: 'Ann' };

const mutation = `mutation ($input: UnenrollInput!) { unenroll(input: $input) {
  __typename
  ... on UnenrollPayload { replayed cursor command { uuid requestType } enrollment { enrollmentId } }
  ... on Error { code message }
} }`;

function unenroll(input: object, token?: string) {
  return fieldOf('unenroll', askServer(server, mutation, { input }, token));
}

/** A token of a tenant, with every scope unless others are named. */
async function tokenOf(tenant: number, wanted: typeof scopes | readonly [] = scopes) {
  const { graph } = server.store.database;
  await graph.query('insert into tenant (id, name) values ($1, $2) on conflict do nothing', [
    tenant,
    `tenant ${tenant}`,
  ]);
  const made = await createToken((token) => insertToken(graph, token), {
    name: `of ${tenant}`,
    scopes: wanted,
    tenant,
    expiresAt: null,
  });
  return made.token;
}

/** Sends a message as the device does, and answers with everything that came back. */
async function sendAs(device: Device, channel: Channel, message: PlistDict) {
  const body = buildPlist({ ...channel.identifiers, ...message });
  const type = message['MessageType'] === undefined ? {} : { 'Content-Type': checkInType };
  const headers = { ...type, ...signedBy(device.identity, body) };
  return sendRaw({ url: server.deviceUrl, headers, body });
}

const pushData = { Topic: 't', Token: Buffer.from('t'), PushMagic: 'm' };
const messages: readonly [what: string, message: PlistDict][] = [
  ['a poll', { Status: 'Idle' }],
  ['a report', { Status: 'Acknowledged', CommandUUID: 'known' }],
  ['a report that nobody waits for', { Status: 'Error', CommandUUID: 'unknown' }],
  ['a NotNow', { Status: 'NotNow', CommandUUID: 'known' }],
  ['a TokenUpdate', { MessageType: 'TokenUpdate', ...pushData }],
  ['a SetBootstrapToken', { MessageType: 'SetBootstrapToken', BootstrapToken: Buffer.from('b') }],
  ['a GetBootstrapToken', { MessageType: 'GetBootstrapToken' }],
  ['a DeclarativeManagement', { MessageType: 'DeclarativeManagement', Endpoint: 'tokens' }],
  ['a GetToken', { MessageType: 'GetToken', TokenServiceType: 'com.apple.maid' }],
];

describe('a device that is to un-enrol', () => {
  it.each(messages)(
    'is told so with 403 and Apple’s code when it sends %s',
    async (_what, message) => {
      const device = await enrolled();
      await unenroll({ enrollmentId: device.facts.udid, method: 'UNRECOGNIZED_DEVICE' });
      for (let time = 0; time < 2; time++) {
        const reply = await sendAs(device, device.channel, message);
        expect(reply.status).toBe(403);
        expect(reply.headers['content-type']).toMatch(/^application\/json/);
        expect(JSON.parse(reply.body.toString())).toEqual({
          code: 'com.apple.unrecognized.device',
        });
      }
      expect(await enrollmentOf(server, device.facts.udid)).toMatchObject({ enabled: false });
    },
  );

  it.each(messages)(
    'is told so with 401 where that was asked for, at %s',
    async (_what, message) => {
      const device = await enrolled();
      await unenroll({ enrollmentId: device.facts.udid, method: 'UNAUTHORIZED' });
      const reply = await sendAs(device, device.channel, message);
      expect([reply.status, reply.body.toString()]).toEqual([401, 'Unauthorized\n']);
      expect(reply.headers).not.toHaveProperty('www-authenticate');
    },
  );

  it.each(messages)('is told so too when its user sends %s', async (_what, message) => {
    const device = await enrolled();
    const user = device.user(ann);
    await user.tokenUpdate();
    await unenroll({ enrollmentId: device.facts.udid, method: 'UNRECOGNIZED_DEVICE' });
    expect((await sendAs(device, user, message)).status).toBe(403);
  });

  it('is told so when a user of whom nobody knew is heard, and asks to be managed', async () => {
    const device = await enrolled();
    await unenroll({ enrollmentId: device.facts.udid, method: 'UNRECOGNIZED_DEVICE' });
    const user = device.user(ann);
    expect((await user.tokenUpdate()).status).toBe(403);
    expect((await user.userAuthenticate()).status).toBe(403);
    expect(await enrollmentOf(server, `${device.facts.udid}:A`)).toBeNull();
  });

  it('may check out, and is told nothing after that', async () => {
    const device = await enrolled();
    await unenroll({ enrollmentId: device.facts.udid, method: 'UNRECOGNIZED_DEVICE' });
    expect((await device.checkOut()).status).toBe(200);
    expect(await device.channel.poll()).toBeNull();
    expect(await enrollmentOf(server, device.facts.udid)).toMatchObject({
      disabled_reason: 'CHECKED_OUT',
    });
  });

  it.each(['the same certificate', 'another certificate'])(
    'may enrol anew, with %s',
    async (which) => {
      const device = await enrolled();
      const id = device.facts.udid;
      await unenroll({ enrollmentId: id, method: 'UNRECOGNIZED_DEVICE' });
      const next = await issueIdentity(server.authority, { commonName: 'next' });
      await device.reenrol(which === 'the same certificate' ? device.identity : next);
      expect(await device.channel.poll()).toBeNull();
      expect(await enrollmentOf(server, id)).toMatchObject({
        enabled: true,
        disabled_reason: null,
      });
      expect(await eventTypesOf(server, id)).toContain('EnrollmentReEnrolled');
    },
  );

  it('is not told so by somebody else’s certificate', async () => {
    const device = await enrolled();
    await unenroll({ enrollmentId: device.facts.udid, method: 'UNRECOGNIZED_DEVICE' });
    const other = await enrolled();
    const body = buildPlist({ UDID: device.facts.udid, Status: 'Idle' });
    const headers = signedBy(other.identity, body);
    expect((await sendRaw({ url: server.deviceUrl, headers, body })).status).toBe(409);
  });

  it('is the only one', async () => {
    const [device, other] = [await enrolled(), await enrolled()];
    await unenroll({ enrollmentId: device.facts.udid, method: 'UNRECOGNIZED_DEVICE' });
    expect(await other.channel.poll()).toBeNull();
    expect((await other.tokenUpdate()).status).toBe(200);
  });

  it('loses its queue and its users’, with reason and events, and the request is in the audit', async () => {
    const device = await enrolled();
    const id = device.facts.udid;
    const user = device.user(ann);
    await user.tokenUpdate();
    const uuid = `lost-${id}`;
    await enqueue(server, [id, `${id}:A`], aCommand(uuid));
    const answer = await unenroll({ enrollmentId: id, method: 'UNAUTHORIZED' });
    expect(answer).toMatchObject({
      __typename: 'UnenrollPayload',
      command: null,
      replayed: false,
      enrollment: { enrollmentId: id },
    });
    for (const one of [id, `${id}:A`]) {
      expect(await queueOf(server, one)).toEqual([]);
      expect(await resultsOf(server, one)).toMatchObject([{ uuid, ended: 'UNENROLLED' }]);
      expect(await eventTypesOf(server, one)).toContain('CommandEnded');
    }
    const asked = (await eventsOf(server, id)).filter(({ type }) => type === 'UnenrollRequested');
    expect(asked).toEqual([{ type: 'UnenrollRequested', data: { method: 'UNAUTHORIZED' } }]);
    const audit = await rowsOf(
      server,
      `select actor, details from audit_entry
       where action = 'unenroll' and details ->> 'enrollmentId' = $1`,
      [id],
    );
    expect(audit).toEqual([
      { actor: 'token:admin', details: { enrollmentId: id, method: 'UNAUTHORIZED' } },
    ]);
    // Its report of what it had been handed meanwhile joins the history.
    const late = { Status: 'Acknowledged', CommandUUID: uuid };
    expect((await sendAs(device, device.channel, late)).status).toBe(401);
    expect(await resultsOf(server, id)).toMatchObject([{ uuid, status: 'Acknowledged' }]);
  });
});

describe('unenroll by REMOVE_PROFILE', () => {
  const removal = (enrollmentId: string, more: object = {}) => ({
    enrollmentId,
    method: 'REMOVE_PROFILE',
    profileIdentifier: 'com.example.mdm',
    ...more,
  });

  it('queues the command, and the device is answered as ever until it leaves', async () => {
    const device = await enrolled();
    const id = device.facts.udid;
    const answer = await unenroll(removal(id));
    expect(answer).toMatchObject({ command: { requestType: 'RemoveProfile' } });
    const command = await device.channel.poll();
    expect(command?.payload).toMatchObject({
      RequestType: 'RemoveProfile',
      Identifier: 'com.example.mdm',
    });
    expect(await device.channel.report(command?.uuid ?? '', { status: 'Acknowledged' })).toBeNull();
    expect((await device.checkOut()).status).toBe(200);
    const audit = await rowsOf(
      server,
      `select 1 from audit_entry where details ->> 'commandUuid' = $1`,
      [command?.uuid],
    );
    expect(audit).toHaveLength(1);
  });

  it('is done once for an idempotency key, which is each token’s and each mutation’s own', async () => {
    const [device, other] = [await enrolled(), await enrolled()];
    const idempotencyKey = 'remove <&> once';
    const first = await unenroll(removal(device.facts.udid, { idempotencyKey }));
    const second = await unenroll(removal(device.facts.udid, { idempotencyKey }));
    expect(first).toMatchObject({ __typename: 'UnenrollPayload', replayed: false });
    expect(second).toMatchObject({ __typename: 'UnenrollPayload', replayed: true });
    expect(await queueOf(server, device.facts.udid)).toHaveLength(1);
    const reused = await unenroll(removal(other.facts.udid, { idempotencyKey }));
    expect(reused).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    const token = await tokenOf(1);
    expect(await unenroll(removal(other.facts.udid, { idempotencyKey }), token)).toMatchObject({
      __typename: 'UnenrollPayload',
      replayed: false,
    });
    const enqueueing = `mutation ($ids: [ID!]!, $plist: String!, $key: String!) {
      enqueueCommand(input: { targets: { ids: $ids }, command: { plist: $plist },
        push: false, idempotencyKey: $key }) { __typename } }`;
    const queued = await fieldOf(
      'enqueueCommand',
      askServer(server, enqueueing, {
        ids: [other.facts.udid],
        plist: aCommand(`own-${other.facts.udid}`),
        key: idempotencyKey,
      }),
    );
    expect(queued).toEqual({ __typename: 'EnqueueCommandPayload' });
  });

  it('needs to know which profile', async () => {
    const { udid } = (await enrolled()).facts;
    for (const more of [{ profileIdentifier: null }, { profileIdentifier: '' }]) {
      expect(await unenroll(removal(udid, more))).toMatchObject({
        __typename: 'ValidationError',
        code: 'PROFILE_IDENTIFIER_REQUIRED',
      });
    }
    expect(await unenroll({ enrollmentId: 'nobody' })).toMatchObject({
      code: 'UNKNOWN_ENROLLMENT',
    });
  });
});

describe('unenroll', () => {
  it.each(['REMOVE_PROFILE', 'UNRECOGNIZED_DEVICE', 'UNAUTHORIZED'])(
    'by %s finds neither another tenant’s device, nor a user’s channel as one, nor one that is none',
    async (method) => {
      const device = await enrolled();
      const { udid } = device.facts;
      const input = { method, profileIdentifier: 'com.example.mdm' };
      const before = await eventTypesOf(server, udid);
      for (const [enrollmentId, token] of [
        [udid, await tokenOf(2)],
        ['nobody', undefined],
        ['no\0body', undefined],
        ['', undefined],
      ] as const) {
        expect(await unenroll({ ...input, enrollmentId }, token)).toMatchObject({
          __typename: 'NotFoundError',
          code: 'UNKNOWN_ENROLLMENT',
        });
      }
      expect(await eventTypesOf(server, udid)).toEqual(before);
      expect(await enrollmentOf(server, udid)).toMatchObject({ enabled: true });
      expect(await device.channel.poll()).toBeNull();
    },
  );

  it.each(['UNRECOGNIZED_DEVICE', 'UNAUTHORIZED'])(
    'by %s is for devices, not for users',
    async (method) => {
      const device = await enrolled();
      await device.user(ann).tokenUpdate();
      const answer = await unenroll({ enrollmentId: `${device.facts.udid}:A`, method });
      expect(answer).toMatchObject({ __typename: 'NotFoundError' });
      expect(await device.channel.poll()).toBeNull();
    },
  );

  it('is done once for an idempotency key', async () => {
    const device = await enrolled();
    const input = {
      enrollmentId: device.facts.udid,
      method: 'UNRECOGNIZED_DEVICE',
      idempotencyKey: 'once',
    };
    expect(await unenroll(input)).toMatchObject({ replayed: false });
    await device.enrol();
    expect(await unenroll(input)).toMatchObject({ replayed: true });
    expect(await device.channel.poll()).toBeNull();
    for (const idempotencyKey of ['', 'a\0b', 'x'.repeat(201)]) {
      expect(await unenroll({ ...input, idempotencyKey })).toMatchObject({ code: 'BAD_KEY' });
    }
  });

  it('needs the scope to write commands', async () => {
    const device = await enrolled();
    const token = await tokenOf(1, []);
    const input = { enrollmentId: device.facts.udid, method: 'UNAUTHORIZED' };
    expect(JSON.stringify(await askServer(server, mutation, { input }, token))).toMatch(
      /FORBIDDEN|MISSING_SCOPE/,
    );
    expect(await device.channel.poll()).toBeNull();
  });
});
