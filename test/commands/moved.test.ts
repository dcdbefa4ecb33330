import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTenant, moveEnrollments } from '../access/graph-documents.ts';
import { bySse } from '../graph/subscribe.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { controls } from './control-server.ts';
import { followCommand } from './documents.ts';

describe('a device that moves to another tenant', () => {
  let server: TestServer;
  let control: ReturnType<typeof controls>;
  let tenant: string;
  beforeAll(async () => {
    server = await startServer();
    control = controls(server);
    const { createTenant: made } = await control.ask(createTenant, { input: { name: 'there' } });
    if (made.__typename !== 'TenantPayload') throw new Error(JSON.stringify(made));
    tenant = String(made.tenant?.tenantId);
  });
  afterAll(() => server.stop());

  async function enrolled(number: number) {
    const device = await server.device(number);
    await device.enrol();
    return device;
  }

  async function move(id: string) {
    const input = { targets: { ids: [id] }, toTenantId: tenant, validateOnly: false };
    return (await control.ask(moveEnrollments, { input })).moveEnrollments;
  }

  async function finished(uuid: string) {
    const graph = { url: `${server.url}/graphql`, wsUrl: server.url };
    const stream = await bySse(graph, adminToken, followCommand, { command: uuid, after: null });
    for (;;) {
      const { done, value } = await stream.next();
      if (done || value.errors) throw new Error(`ended: ${JSON.stringify(value)}`);
      const item = value.data?.commandProgress;
      if (item?.__typename !== 'CommandProgressSnapshot' || !item.progress.finished) continue;
      await stream.close();
      return item.progress;
    }
  }

  it('is a target that a command waits for no more', async () => {
    const { enrollmentId } = await enrolled(1);
    await control.enqueue([enrollmentId], 'waits');
    expect(await move(enrollmentId)).toMatchObject({ movedCount: 1, endedCount: 1 });
    expect(await finished('waits')).toMatchObject({ total: 1, pending: 0, moved: 1 });
  });

  it('takes no command along that was queued at the same moment', async () => {
    const device = await enrolled(2);
    const { enrollmentId } = device;
    const blocker = await server.store.database.graph.connect();
    try {
      // Holds the command up when its targets have been looked up.
      await blocker.query('begin');
      await blocker.query(
        `insert into command
           (uuid, request_type, body, body_fingerprint, targets_sha256, created_by)
         values ('late', 'ProfileList', '', '', '', 'test')`,
      );
      const queued = control.enqueue([enrollmentId], 'late');
      await waiting(1);
      const moved = move(enrollmentId);
      await Promise.race([moved, waiting(2)]);
      await blocker.query('rollback');
      await queued;
      expect(await moved).toMatchObject({ movedCount: 1, endedCount: 1 });
    } finally {
      blocker.release();
    }
    expect(await device.channel.connect()).toEqual([]);
    expect(await finished('late')).toMatchObject({ total: 1, moved: 1 });
  });

  /** Until so many statements wait for a lock. */
  async function waiting(count: number): Promise<void> {
    for (;;) {
      const { rows } = await server.store.database.graph.query<{ count: number }>(
        `select count(*)::int as count from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock'`,
      );
      if ((rows[0]?.count ?? 0) >= count) return;
    }
  }
});
