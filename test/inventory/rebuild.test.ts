import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import type { Decoder } from '../../server/mdm/inventory/decoder.ts';
import { runRebuildJob } from '../../server/mdm/inventory/rebuild-job.ts';
import { systemClock } from '../../server/model/clock.ts';
import { silentLog } from '../../server/model/log.ts';
import { createKeyring } from '../../server/secrets/keyring.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { adminToken, startServer, testKey, type TestServer } from '../harness/server.ts';
import { answered, projected } from './answering.ts';
import { inventoryOf, rebuild, tenantToken } from './documents.ts';

let server: TestServer;
let graph: { url: string; wsUrl: string };
let next = 1;

beforeAll(async () => {
  server = await startServer();
  graph = { url: `${server.url}/graphql`, wsUrl: '' };
});
afterAll(() => server.stop());

const sql = async (text: string, values: unknown[] = []) =>
  (await server.store.database.graph.query(text, values)).rows;

const keyOf = '(select key from enrollment where id = $1)';

const answers = (device: Device, OSVersion: string, more: { HostName?: string } = {}) =>
  answered(server, device, 'DeviceInformation', {
    QueryResponses: { OSVersion, ...more, BatteryLevel: 0.5 },
  });

/** A device that has told its inventory in pieces. */
async function aDevice(): Promise<Device> {
  const device = await server.device(next++);
  await device.enrol();
  await answers(device, '18.0', { HostName: 'orchard' });
  await answers(device, '18.1');
  const asked = (...names: string[]) => ({
    InstalledApplicationList: names.map((Identifier) => ({ Identifier, ShortVersion: '1' })),
  });
  await answered(server, device, 'InstalledApplicationList', asked('com.a', 'com.b'));
  await answered(server, device, 'InstalledApplicationList', asked('com.c'), {
    ManagedAppsOnly: true,
  });
  await answered(server, device, 'SecurityInfo', { SecurityInfo: { PasscodePresent: true } });
  await projected(server);
  return device;
}

/** What is stored of it. */
async function stored({ enrollmentId }: Device) {
  const sections = await sql(
    `select * from inventory_section where enrollment_key = ${keyOf} order by section`,
    [enrollmentId],
  );
  const facts = await sql(`select * from device_inventory where enrollment_key = ${keyOf}`, [
    enrollmentId,
  ]);
  const told = await sql(`select os_version, device_name from enrollment where key = ${keyOf}`, [
    enrollmentId,
  ]);
  return { sections, facts, told };
}

/** Lines of its history and its events. */
async function news({ enrollmentId }: Device) {
  const [row] = await sql(
    `select (select count(*)::int from inventory_change where enrollment_key = ${keyOf}) as changes,
       (select count(*)::int from event
        where type = 'InventoryChanged' and enrollment_key = ${keyOf}) as events`,
    [enrollmentId],
  );
  return row;
}

async function request(
  token: string,
  targets: { ids: string[] } | { all: true },
  validateOnly = false,
) {
  const input = { targets, channels: 'ALL' as const, validateOnly };
  return (await dataOf(ask(graph, token, rebuild, { input }))).rebuildInventory;
}

async function ended(jobId: string) {
  for (;;) {
    const [job] = await sql('select state, done, failed, message from job where id = $1', [jobId]);
    if (job?.['state'] !== 'QUEUED' && job?.['state'] !== 'RUNNING') return job;
  }
}

async function begun(...devices: Device[]): Promise<string> {
  const outcome = await request(adminToken, {
    ids: devices.map(({ enrollmentId }) => enrollmentId),
  });
  if (outcome.__typename !== 'RebuildInventoryPayload') throw new Error(JSON.stringify(outcome));
  return outcome.job?.jobId ?? '';
}

async function rebuilt(...devices: Device[]): Promise<void> {
  expect(await ended(await begun(...devices))).toMatchObject({
    state: 'SUCCEEDED',
    done: devices.length,
    failed: 0,
  });
}

/** Makes everything that is derived wrong. */
async function broken({ enrollmentId }: Device): Promise<void> {
  const where = `where enrollment_key = ${keyOf}`;
  await sql(
    `update inventory_section set content = '{"OSVersion":"1.0"}',
       answered_at = now() + interval '1 day' ${where} and section = 'DeviceInformation'`,
    [enrollmentId],
  );
  await sql(`delete from inventory_section ${where} and section = 'SecurityInfo'`, [enrollmentId]);
  await sql(
    `update device_inventory set application_count = 99, supervised = true, battery_level = 0.1 ${where}`,
    [enrollmentId],
  );
  await sql(`update enrollment set os_version = '1.0' where id = $1`, [enrollmentId]);
}

describe('rebuilding inventory', () => {
  it('puts right what is wrong, and tells only that', async () => {
    const device = await aDevice();
    const [before, toldBefore] = [await stored(device), await news(device)];
    await broken(device);
    expect(await stored(device)).not.toEqual(before);
    await rebuilt(device);
    expect(await stored(device)).toEqual(before);
    // OSVersion and what else was missing from one section; the other one is told as new.
    expect(await news(device)).toEqual({
      changes: toldBefore?.['changes'] + 2,
      events: toldBefore?.['events'] + 2,
    });
    const { enrollment } = await dataOf(
      ask(graph, adminToken, inventoryOf, { udid: device.enrollmentId }),
    );
    expect(enrollment?.inventoryChanges.edges.at(-1)?.node).toMatchObject({
      field: 'OSVersion',
      previous: '1.0',
      current: '18.1',
    });
  });

  it('tells nothing of what ends up as it was', async () => {
    const device = await aDevice();
    const [before, toldBefore] = [await stored(device), await news(device)];
    await rebuilt(device);
    expect(await stored(device)).toEqual(before);
    expect(await news(device)).toEqual(toldBefore);
  });

  it('leaves what a device said as it enrolled again, and parts whose answers are not kept', async () => {
    const device = await aDevice();
    await sql(
      `update command_result r set result = null from command c
       where c.key = r.command_key and c.request_type = 'SecurityInfo' and r.enrollment_key = ${keyOf}`,
      [device.enrollmentId],
    );
    await device.enrol();
    await answered(server, device, 'ProfileList', { ProfileList: [] });
    await projected(server);
    const before = await stored(device);
    expect(before.told).toMatchObject([{ os_version: device.facts.osVersion }]);
    await rebuilt(device);
    expect(await stored(device)).toEqual(before);
  });

  it('marks answers anew that are no inventory', async () => {
    const device = await aDevice();
    await answered(server, device, 'ProfileList', {});
    await projected(server);
    const problems = () =>
      sql(`select command_key, reason from inventory_problem where enrollment_key = ${keyOf}`, [
        device.enrollmentId,
      ]);
    const before = await problems();
    expect(before).toHaveLength(1);
    await sql(`update inventory_problem set reason = 'wrong' where enrollment_key = ${keyOf}`, [
      device.enrollmentId,
    ]);
    await rebuilt(device);
    expect(await problems()).toEqual(before);
  });

  it.each([
    ['before the projection has come to it', 'rebuilding'],
    ['after the projection has come to it', 'projection'],
  ])('a newer answer wins when it is stored %s', async (_when, first) => {
    const device = await aDevice();
    const toldBefore = await news(device);
    const lane = await server.store.database.graph.connect();
    let job: string;
    try {
      await lane.query('begin');
      await lane.query(
        `select 1 from projection_lane where projection = 'inventory' and lane = ${keyOf} % 16
         for update`,
        [device.enrollmentId],
      );
      if (first === 'projection') {
        await answers(device, '18.2');
        await waiting('update projection_lane');
        job = await begun(device);
        await waiting('select 1 from projection_lane');
      } else {
        job = await begun(device);
        await waiting('select 1 from projection_lane');
        await answers(device, '18.2');
      }
      await lane.query('commit');
    } finally {
      lane.release();
    }
    expect(await ended(job)).toMatchObject({ state: 'SUCCEEDED' });
    await projected(server);
    const { enrollment } = await dataOf(
      ask(graph, adminToken, inventoryOf, { udid: device.enrollmentId }),
    );
    expect(enrollment).toMatchObject({
      osVersion: '18.2',
      inventory: { deviceInformation: { osVersion: '18.2' } },
    });
    expect(enrollment?.inventoryChanges.edges.at(-1)?.node).toMatchObject({
      previous: '18.1',
      current: '18.2',
    });
    expect(await news(device)).toEqual({
      changes: toldBefore?.['changes'] + 1,
      events: toldBefore?.['events'] + 1,
    });
  });

  it('goes on where a job was whose process has died', async () => {
    const [done, open] = [await aDevice(), await aDevice()];
    const right = await stored(open);
    await broken(done);
    await broken(open);
    const wrong = await stored(done);
    const [first] = await sql(`select key from enrollment where id = $1`, [done.enrollmentId]);
    const id = randomUUID();
    await sql(
      `insert into job (id, kind, state, input, cursor, total, done, created_by, started_at, holder,
         lease_until)
       values ($1, 'REBUILD_INVENTORY', 'RUNNING', $2, $3, 2, 1, 'test', now(), 'dead', now())`,
      [
        id,
        { targets: { ids: [done.enrollmentId, open.enrollmentId] }, tenant: null },
        { after: first?.['key'] },
      ],
    );
    expect(await ended(id)).toMatchObject({ state: 'SUCCEEDED', done: 2, failed: 0 });
    expect(await stored(open)).toEqual(right);
    expect(await stored(done)).toEqual(wrong);
  });

  it('finds no fault with a device whose answers it had to leave when it was broken off', async () => {
    const device = await aDevice();
    const id = randomUUID();
    const input = { targets: { ids: [device.enrollmentId] }, tenant: null };
    await sql(
      `insert into job (id, kind, state, input, total, created_by, started_at, holder, lease_until)
       values ($1, 'REBUILD_INVENTORY', 'RUNNING', $2, 1, 'test', now(), 'here', now() + interval '1 day')`,
      [id, input],
    );
    const end = new AbortController();
    const decoder: Decoder = {
      decode() {
        end.abort();
        return Promise.reject(new Error('the decoder has stopped'));
      },
      stop: () => Promise.resolve(),
    };
    await expect(
      runRebuildJob(
        {
          graph: server.store.database.graph,
          keyring: createKeyring([testKey]),
          ...{ clock: systemClock, log: silentLog, committed() {} },
        },
        decoder,
        { id, input, cursor: null, holder: 'here', signal: end.signal },
      ),
    ).rejects.toThrow('stopped');
    expect(await sql('select cursor, failed from job where id = $1', [id])).toEqual([
      { cursor: null, failed: 0 },
    ]);
    await sql('delete from job where id = $1', [id]);
  });

  it('lists a device whose answers can’t be read, and goes on with the others', async () => {
    const [bad, good] = [await aDevice(), await aDevice()];
    const right = await stored(good);
    const kept = await stored(bad);
    await broken(good);
    await sql(`update command_result set result = 'x' where enrollment_key = ${keyOf}`, [
      bad.enrollmentId,
    ]);
    const job = await begun(bad, good);
    expect(await ended(job)).toMatchObject({ state: 'SUCCEEDED', done: 1, failed: 1 });
    expect(await sql('select code, subject from job_error where job_id = $1', [job])).toEqual([
      { code: 'INTERNAL', subject: bad.enrollmentId },
    ]);
    expect(await stored(good)).toEqual(right);
    expect(await stored(bad)).toEqual(kept);
  });
});

describe('rebuildInventory', () => {
  it('only counts when it is asked to', async () => {
    const device = await aDevice();
    await broken(device);
    const before = await stored(device);
    const outcome = await request(adminToken, { ids: [device.enrollmentId, 'nobody'] }, true);
    expect(outcome).toMatchObject({
      targetCount: 1,
      job: null,
      validateOnly: true,
      refused: [{ id: 'nobody', code: 'UNKNOWN_ENROLLMENT' }],
    });
    expect(await stored(device)).toEqual(before);
  });

  it('says that none of the ids exists', async () => {
    expect(await request(adminToken, { ids: ['nobody'] })).toMatchObject({
      __typename: 'NotFoundError',
      code: 'UNKNOWN_ENROLLMENT',
      path: ['input', 'targets', 'ids'],
    });
  });

  it('keeps to the tenant and the scope of the token', async () => {
    const device = await aDevice();
    const [tenant] = await sql(
      `insert into tenant (id, name) values (7, 'elsewhere') returning id`,
    );
    const tokenOf = async (scopes: ('enrollments:write' | 'enrollments:read' | 'jobs:read')[]) => {
      const input = { name: scopes.join(), scopes, tenantId: String(tenant?.['id']) };
      const { createApiToken } = await dataOf(ask(graph, adminToken, tenantToken, { input }));
      return createApiToken.__typename === 'NewApiTokenPayload'
        ? (createApiToken.secret ?? '')
        : '';
    };
    const writer = await tokenOf(['enrollments:write', 'jobs:read']);
    expect(await request(writer, { ids: [device.enrollmentId] })).toMatchObject({
      code: 'UNKNOWN_ENROLLMENT',
    });
    await broken(device);
    const before = await stored(device);
    const all = await request(writer, { all: true });
    if (all.__typename !== 'RebuildInventoryPayload') throw new Error(JSON.stringify(all));
    expect(all.targetCount).toBe(0);
    expect(await ended(all.job?.jobId ?? '')).toMatchObject({ state: 'SUCCEEDED', done: 0 });
    expect(await stored(device)).toEqual(before);
    const reader = await tokenOf(['enrollments:read']);
    expect(await request(reader, { all: true })).toMatchObject({
      __typename: 'ForbiddenError',
      code: 'FORBIDDEN',
    });
  });
});

/** Waits until a statement that begins so waits for a lock. */
async function waiting(statement: string): Promise<void> {
  for (;;) {
    const rows = await sql(
      `select 1 from pg_stat_activity where datname = current_database()
         and wait_event_type = 'Lock' and ltrim(query, E'\\n ') like $1 || '%'`,
      [statement],
    );
    if (rows.length > 0) return;
  }
}
