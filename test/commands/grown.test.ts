import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TargetsInput } from '../../generated/gql/graphql.ts';
import { createTenant, moveEnrollments } from '../access/graph-documents.ts';
import { aCommand } from '../build/commands.ts';
import { hold, waitsForRows } from '../harness/held.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { ended } from '../migration/stage.ts';
import { controls } from './control-server.ts';
import { cancelCommand, clearQueue, enqueueCommand, setCommandPriority } from './documents.ts';

let server: TestServer;
let control: ReturnType<typeof controls>;
let round = 0;
/** What this test's devices, tag and command are called. */
let name = '';

beforeAll(async () => {
  server = await startServer();
  control = controls(server);
});
afterAll(() => server.stop());
beforeEach(() => {
  round += 1;
  name = `GROWN-${round}`;
});

const pool = () => server.store.database.graph;
const sql = async (text: string, values: unknown[] = []) => (await pool().query(text, values)).rows;

const targets = () => ({ filter: { tags: { any: [name] } } });

/** Devices for each of which a command waits; so many of them have the tag. */
async function devices(size: number, tagged: number): Promise<void> {
  await sql(
    `insert into enrollment (id, tenant_id, kind, enabled)
     select $1 || '-' || n, 1, 'DEVICE', true from generate_series(1, $2::int) n`,
    [name, size],
  );
  await sql(
    `with c as (insert into command (uuid, request_type, body, body_fingerprint, targets_sha256, created_by)
       values ($1, 'ProfileList', '', '', '', 'test') returning key)
     insert into queue_entry (enrollment_key, urgency, command_key)
     select e.key, 0, c.key from enrollment e, c where e.id like $1 || '-%'`,
    [name],
  );
  await sql(tag, [name, 1, tagged]);
}

const tag = `insert into enrollment_tag (tenant_id, tag, enrollment_id, enrollment_key)
  select 1, $1, e.id, e.key from generate_series($2::int, $3::int) n
  join enrollment e on e.id = $1 || '-' || n`;

/** How many entries still wait as they did. */
const untouched = async () => {
  const [row] = await sql(
    `select count(*)::int as count from queue_entry q join command c on c.key = q.command_key
     where c.uuid = $1 and q.urgency = 0`,
    [name],
  );
  return row?.['count'];
};

const mutations = {
  cancelCommand: async (expectedCount: number) =>
    (
      await control.ask(cancelCommand, {
        input: {
          ...{ commandUuid: name, targets: targets(), expectedCount },
          ...{ channels: 'ALL', validateOnly: false },
        },
      })
    ).cancelCommand,
  clearQueue: async (expectedCount: number) =>
    (
      await control.ask(clearQueue, {
        input: { targets: targets(), expectedCount, channels: 'DEVICE', validateOnly: false },
      })
    ).clearQueue,
  setCommandPriority: async (expectedCount: number) =>
    (
      await control.ask(setCommandPriority, {
        input: {
          ...{ commandUuid: name, targets: targets(), expectedCount, priority: 5 },
          ...{ channels: 'ALL', validateOnly: false },
        },
      })
    ).setCommandPriority,
} as const;

describe.each(Object.entries(mutations))('%s', (_name, ask) => {
  it('as a job stops before it would touch more entries than expected', async () => {
    await devices(2_600, 1_500);
    const held = await hold(
      pool(),
      `select 1 from queue_entry q join enrollment e on e.key = q.enrollment_key
       where e.id = $1 || '-1' for update of q`,
      [name],
    );
    const outcome = await ask(1_500);
    if (!('job' in outcome) || !outcome.job) throw new Error(JSON.stringify(outcome));
    await waitsForRows(pool(), '%for update of q%');
    await sql(tag, [name, 1_501, 2_600]);
    await held.release();
    expect(await ended(server, { jobId: outcome.job.jobId, cursor: outcome.cursor })).toMatchObject(
      {
        state: 'FAILED',
        done: 1_000,
        errors: [{ code: 'TARGETS_CHANGED' }],
      },
    );
    expect(await untouched()).toBe(1_600);
  });

  it('at once does nothing when more have come to be meant since they were counted', async () => {
    await devices(3, 2);
    // Entries can be counted, and not yet changed.
    const held = await hold(pool(), 'lock table queue_entry in exclusive mode');
    const asked = ask(2);
    await waitsForRows(pool(), '%for update of q%');
    await held.query(tag, [name, 3, 3]);
    await held.commit();
    expect(await asked).toMatchObject({ code: 'TARGETS_CHANGED' });
    expect(await untouched()).toBe(3);
  });

  it('does all or nothing when more have come to be meant meanwhile than are done at once', async () => {
    await devices(1_002, 1_000);
    const held = await hold(pool(), 'lock table queue_entry in exclusive mode');
    const asked = ask(5_000);
    await waitsForRows(pool(), '%for update of q%');
    await held.query(tag, [name, 1_001, 1_002]);
    await held.commit();
    expect(await asked).toMatchObject({ code: 'TARGETS_CHANGED' });
    expect(await untouched()).toBe(1_002);
    const outcome = await ask(5_000);
    if (!('job' in outcome) || !outcome.job) throw new Error(JSON.stringify(outcome));
    expect(await ended(server, { jobId: outcome.job.jobId, cursor: outcome.cursor })).toMatchObject(
      { state: 'SUCCEEDED', done: 1_002 },
    );
  });
});

describe('moveEnrollments', () => {
  it('does all or nothing when more have come to be meant meanwhile than are done at once', async () => {
    await devices(502, 500);
    const { createTenant: made } = await control.ask(createTenant, { input: { name } });
    if (made.__typename !== 'TenantPayload') throw new Error(JSON.stringify(made));
    const held = await hold(pool(), 'lock table enrollment in exclusive mode');
    const asked = control.ask(moveEnrollments, {
      input: {
        ...{ targets: targets(), toTenantId: String(made.tenant?.tenantId) },
        ...{ validateOnly: false, expectedCount: 5_000 },
      },
    });
    await waitsForRows(pool(), '%for update');
    await held.query(tag, [name, 501, 502]);
    await held.commit();
    expect((await asked).moveEnrollments).toMatchObject({ code: 'TARGETS_CHANGED' });
    expect(await untouched()).toBe(502);
  });

  it('at once does nothing when more have come to be meant since they were counted', async () => {
    await devices(3, 2);
    const { createTenant: made } = await control.ask(createTenant, { input: { name } });
    if (made.__typename !== 'TenantPayload') throw new Error(JSON.stringify(made));
    const held = await hold(pool(), 'lock table enrollment in exclusive mode');
    const asked = control.ask(moveEnrollments, {
      input: {
        ...{ targets: targets(), toTenantId: String(made.tenant?.tenantId) },
        ...{ validateOnly: false, expectedCount: 2 },
      },
    });
    await waitsForRows(pool(), '%for update');
    await held.query(tag, [name, 3, 3]);
    await held.commit();
    expect((await asked).moveEnrollments).toMatchObject({ code: 'TARGETS_CHANGED' });
    expect(await untouched()).toBe(3);
  });
});

describe('a command that may wait only once', () => {
  const lock = async (uuid: string, to: TargetsInput) =>
    (
      await control.ask(enqueueCommand, {
        input: {
          targets: to,
          ...{ channels: 'DEVICE', command: { plist: aCommand(uuid, 'DeviceLock') } },
          ...{ push: false, force: false, priority: 0, validateOnly: false, expectedCount: 2 },
        },
      })
    ).enqueueCommand;

  it('is queued for those alone that were locked, not for one that is meant a moment later', async () => {
    await devices(2, 1);
    const uuid = `${name}-lock`;
    // It stands still between locking its targets and looking at their queues, …
    const tenant = await hold(pool(), 'select 1 from tenant where id = 1 for update');
    const asked = lock(uuid, targets());
    await waitsForRows(pool(), '%for key share');
    await sql(tag, [name, 2, 2]);
    // … and again when it has looked.
    const command = await hold(
      pool(),
      `insert into command (uuid, request_type, body, body_fingerprint, targets_sha256, created_by)
       values ($1, 'DeviceLock', '', '', '', 'test')`,
      [uuid],
    );
    await tenant.release();
    await waitsForRows(pool(), '%insert into command%');
    const other = await lock(`${name}-other`, { ids: [`${name}-2`] });
    expect(other).toMatchObject({ queuedCount: 1 });
    await command.release();
    expect(await asked).toMatchObject({ queuedCount: 1, refusedCount: 0 });
    const rows = await sql(
      `select e.id, count(*)::int as locks from queue_entry q
       join enrollment e on e.key = q.enrollment_key join command c on c.key = q.command_key
       where e.id like $1 || '-%' and c.request_type = 'DeviceLock' group by 1 order by 1`,
      [name],
    );
    expect(rows).toEqual([
      { id: `${name}-1`, locks: 1 },
      { id: `${name}-2`, locks: 1 },
    ]);
  });
});
