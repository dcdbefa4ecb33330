import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MoveEnrollmentsInput } from '../../generated/gql/graphql.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { answered, projected } from '../inventory/answering.ts';
import { hold, stopWaiting, waitsForRows } from '../harness/held.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { pause, resume } from '../migration/documents.ts';
import { ended, graphOf, standing } from '../migration/stage.ts';
import { cancel } from '../push/documents.ts';
import { createTenant, moveEnrollments } from './graph-documents.ts';

let server: TestServer;
let there: number;

beforeAll(async () => {
  server = await startServer();
  const { createTenant: made } = await asked(createTenant, { input: { name: 'there' } });
  if (made.__typename !== 'TenantPayload') throw new Error(JSON.stringify(made));
  there = Number(made.tenant?.tenantId);
});
afterAll(() => server.stop());

const pool = () => server.store.database.graph;
const sql = async (text: string, values: unknown[] = []) => (await pool().query(text, values)).rows;

function asked<Data, Variables extends object>(
  document: Parameters<typeof ask<Data, Variables>>[2],
  variables: Variables,
): Promise<Data> {
  return dataOf(ask<Data, Variables>(graphOf(server), adminToken, document, variables as never));
}

/** What carries the tenant of the enrolment that it belongs to, each table with a column of its key. */
const carriers = [
  'enrollment_seen_hour',
  'enrollment_tag',
  'inventory_section',
  'device_inventory',
  'inventory_change',
  'inventory_problem',
] as const;

/** What stays in the tenant where it happened. */
const stays = ['event', 'command_refusal', 'projection_failure'];

const size = 1_200;

/** Devices of one model, each with a user's channel, a command that waits, and whatever can belong to one. */
async function aFleet(model: string): Promise<void> {
  await sql(
    `insert into enrollment (id, tenant_id, kind, enabled, model)
     select $1 || '-' || n, 1, 'DEVICE', true, $1 from generate_series(1, $2::int) n`,
    [model, size],
  );
  await sql(
    `insert into enrollment (id, tenant_id, kind, device_key, enabled)
     select id || ':USER', 1, 'USER', key, true from enrollment where model = $1`,
    [model],
  );
  await sql(
    `with c as (insert into command (uuid, request_type, body, body_fingerprint, targets_sha256, created_by)
       values ($1, 'ProfileList', '', '', '', 'test') returning key)
     insert into queue_entry (enrollment_key, urgency, command_key)
     select e.key, 0, c.key from enrollment e, c where e.model = $1`,
    [model],
  );
  const rows: Record<string, string> = {
    enrollment_tag: `(tenant_id, tag, enrollment_id, enrollment_key) select 1, $1, id, key`,
    inventory_section: `(enrollment_key, section, tenant_id, content, answered_at, command_key)
      select key, 'ProfileList', 1, '[]', now(), 1`,
    device_inventory: `(enrollment_key, tenant_id, updated_at) select key, 1, now()`,
    inventory_change: `(enrollment_key, tenant_id, section, field, at, command_key)
      select key, 1, 'ProfileList', 'x', now(), 1`,
    inventory_problem: `(enrollment_key, command_key, tenant_id, reason) select key, 1, 1, 'x'`,
  };
  for (const [table, select] of Object.entries(rows)) {
    const values = select.includes('$1') ? [`tag of ${model}`, model] : [model];
    await sql(
      `insert into ${table} ${select} from enrollment where model = $${values.length}`,
      values,
    );
  }
}

/**
 * How many devices with all that belongs to them are in which tenant; a device of which only some is there
 * makes a line of its own.
 */
async function whereabouts(model: string) {
  const tenants = carriers.map(
    (table) => `(select tenant_id from ${table} where enrollment_key = e.key)`,
  );
  return sql(
    `select array(select distinct t from unnest(array[e.tenant_id, u.tenant_id, ${tenants.join(', ')}]) t
         order by t) as tenants,
       exists (select 1 from queue_entry q where q.enrollment_key = e.key) as waits,
       count(*)::int as count
     from enrollment e join enrollment u on u.device_key = e.key
     where e.model = $1 group by 1, 2 order by 1`,
    [model],
  );
}

async function move(input: Partial<MoveEnrollmentsInput> & Pick<MoveEnrollmentsInput, 'targets'>) {
  const { moveEnrollments: outcome } = await asked(moveEnrollments, {
    input: { toTenantId: String(there), validateOnly: false, ...input },
  });
  return outcome;
}

async function moving(input: Parameters<typeof move>[0]) {
  const outcome = await move(input);
  if (outcome.__typename !== 'MoveEnrollmentsPayload' || !outcome.job) {
    throw new Error(JSON.stringify(outcome));
  }
  const { job, cursor } = outcome;
  return { ...outcome, jobId: job.jobId, cursor };
}

const here = { tenants: [1], waits: true };
const moved = () => ({ tenants: [there], waits: false });

/** Keeps a device back, so that the job stands still in its page. */
const holdBack = (model: string, number: number) =>
  hold(pool(), `select 1 from enrollment where id = $1 for update`, [`${model}-${number}`]);
const jobWaits = () => waitsForRows(pool(), '%from enrollment e%for update');

describe('devices that are moved by a job', () => {
  it('move page by page, each whole, also when it is paused or taken over in the middle', async () => {
    await aFleet('PAGES');
    const targets = { filter: { models: ['PAGES'] } };
    expect(await move({ targets, validateOnly: true })).toMatchObject({ movedCount: size });
    const held = await holdBack('PAGES', size);
    const request = { targets, expectedCount: size, idempotencyKey: 'move them once' };
    const job = await moving(request);
    expect(job).toMatchObject({ movedCount: size, endedCount: 0, job: { total: size } });
    await jobWaits();
    expect(await moving(request)).toMatchObject({ jobId: job.jobId, replayed: true });
    expect(await whereabouts('PAGES')).toEqual([
      { ...here, count: 200 },
      { ...moved(), count: 1_000 },
    ]);
    const input = { jobId: job.jobId };
    await asked(pause, { input });
    await held.release();
    // The page in hand is taken whole or not at all.
    await asked(resume, { input });
    await sql('update job set lease_until = now() where id = $1', [job.jobId]);
    const second = await startServer({ store: server.store, authority: server.authority });
    try {
      expect(await ended(second, job)).toMatchObject({
        state: 'SUCCEEDED',
        done: size,
        failed: 0,
        total: size,
      });
    } finally {
      await second.stop();
    }
    expect(await whereabouts('PAGES')).toEqual([{ ...moved(), count: size }]);
    const [told] = await sql(
      `select count(*) filter (where v.type = 'EnrollmentMoved' and v.tenant_id = 1)::int as left,
         count(*) filter (where v.type = 'EnrollmentMoved' and v.tenant_id = $1)::int as arrived,
         count(*) filter (where v.type = 'CommandEnded' and v.data ->> 'reason' = 'MOVED')::int as ended
       from event v join enrollment e on e.key = v.enrollment_key where e.model = 'PAGES'`,
      [there],
    );
    expect(told).toEqual({ left: size, arrived: size, ended: size });
  });

  it('stay where they are from the page on in which it is cancelled', async () => {
    await aFleet('CANCELLED');
    const rows = await sql(`select id from enrollment where model = 'CANCELLED'`);
    const held = await holdBack('CANCELLED', 1);
    const job = await moving({ targets: { ids: rows.map(({ id }) => id) } });
    await jobWaits();
    await asked(cancel, { id: job.jobId });
    await held.release();
    // What was under way is done whole, and counted.
    while ((await standing(server, job.jobId, job.cursor)).done === 0);
    expect(await standing(server, job.jobId, job.cursor)).toMatchObject({
      state: 'CANCELLED',
      done: 500,
    });
    expect(await whereabouts('CANCELLED')).toEqual([
      { ...here, count: 700 },
      { ...moved(), count: 500 },
    ]);
  });

  it('move in smaller pages once one takes too long', async () => {
    await aFleet('HEAVY');
    const held = await holdBack('HEAVY', 400);
    const targets = { filter: { models: ['HEAVY'] } };
    const job = await moving({ targets, expectedCount: size });
    const like = '%from enrollment e%for update';
    const last = await stopWaiting(pool(), like, null);
    const count = async () =>
      (
        await sql(
          `select count(*)::int as moved from enrollment where model = 'HEAVY' and tenant_id = $1`,
          [there],
        )
      )[0]?.['moved'];
    while ((await count()) < 250);
    // The next would be of 275.
    await stopWaiting(pool(), like, last);
    while ((await count()) < 250 + 138);
    await held.release();
    expect(await ended(server, job)).toMatchObject({ state: 'SUCCEEDED', done: size });
    expect(await whereabouts('HEAVY')).toEqual([{ ...moved(), count: size }]);
  });

  it('are left where they are when the job takes too long again and again', async () => {
    await aFleet('STALLED');
    const held = await holdBack('STALLED', 1);
    const job = await moving({ targets: { filter: { models: ['STALLED'] } }, expectedCount: size });
    const like = '%from enrollment e%for update';
    const stalls = async () =>
      (await sql('select stalls from job where id = $1', [job.jobId]))[0]?.['stalls'];
    let last: string | null = null;
    for (let times = 1; times <= 10; times += 1) {
      // Down to a single device, and once more.
      for (let half = 0; half <= 9; half += 1) last = await stopWaiting(pool(), like, last);
      while ((await stalls()) < times);
      expect(await standing(server, job.jobId, job.cursor)).toMatchObject(
        times < 10 ? { state: 'RUNNING', errors: [] } : {},
      );
      await sql('update job set lease_until = now() where id = $1', [job.jobId]);
      await move({ targets: { ids: ['STALLED-1'] }, validateOnly: true });
    }
    expect(await ended(server, job)).toMatchObject({
      ...{ state: 'FAILED', done: 0 },
      errors: [{ code: 'STALLED' }],
    });
    await held.release();
    expect(await whereabouts('STALLED')).toEqual([{ ...here, count: size }]);
  });

  it('are never more than expected, though others come to be meant while it works', async () => {
    await aFleet('GROWN');
    const targets = { filter: { models: ['GROWN'] } };
    const held = await holdBack('GROWN', 1);
    const job = await moving({ targets, expectedCount: size });
    await jobWaits();
    await sql(
      `insert into enrollment (id, tenant_id, kind, enabled, model)
       select 'GROWN-LATE-' || n, 1, 'DEVICE', true, 'GROWN' from generate_series(1, 600) n`,
    );
    await held.release();
    expect(await ended(server, job)).toMatchObject({
      state: 'FAILED',
      errors: [{ code: 'TARGETS_CHANGED' }],
    });
    // The third page would have been more than was left.
    const [count] = await sql(
      `select count(*)::int as moved from enrollment where model = 'GROWN' and tenant_id = $1`,
      [there],
    );
    expect(count).toEqual({ moved: 1_000 });
    expect(await sql('select message from job where id = $1', [job.jobId])).toEqual([
      { message: expect.stringContaining(`the ${size} expected`) },
    ]);
  });
});

it('an answer from before the move is derived where the device is now', async () => {
  const device = await server.device(1);
  await device.enrol();
  const id = device.enrollmentId;
  const lanes = await hold(
    pool(),
    `select 1 from projection_lane where projection = 'inventory' for update`,
  );
  await answered(server, device, 'DeviceInformation', { QueryResponses: { OSVersion: '18.0' } });
  await waitsForRows(pool(), '%update projection_lane%');
  expect(await move({ targets: { ids: [id] } })).toMatchObject({ movedCount: 1, job: null });
  await lanes.release();
  await projected(server);
  const rows = await sql(
    `select s.tenant_id as section, i.tenant_id as facts, v.tenant_id as told
     from enrollment e join inventory_section s on s.enrollment_key = e.key
     join device_inventory i on i.enrollment_key = e.key
     join event v on v.enrollment_key = e.key and v.type = 'InventoryChanged' where e.id = $1`,
    [id],
  );
  expect(rows).toEqual([{ section: there, facts: there, told: there }]);
});

it('all that carries the tenant of an enrolment moves with it', async () => {
  const tables = await sql(
    `select a.table_name as name from information_schema.columns a
     join information_schema.columns b on b.table_name = a.table_name and b.column_name = 'enrollment_key'
     where a.table_schema = 'public' and a.column_name = 'tenant_id' order by 1`,
  );
  const issued = ['enrollment_invitation'];
  expect(tables.map(({ name }) => name)).toEqual([...carriers, ...stays, ...issued].sort());
});
