import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, dataOf } from '../graph/ask.ts';
import { anEnrollment } from '../graph/rows.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { ended, graphOf } from '../migration/stage.ts';
import { push } from '../push/documents.ts';

let server: TestServer;
let key: string;

const sql = async (text: string, values: unknown[] = []) =>
  (await server.store.database.graph.query(text, values)).rows;

beforeAll(async () => {
  server = await startServer();
  key = await anEnrollment(server.store.database.graph, { id: 'BYSTANDER' });
  await sql("insert into tenant (id, name) values (2, 'there')");
  await sql(
    `with c as (insert into command (uuid, request_type, body, body_fingerprint, targets_sha256, created_by)
       values ('waits', 'ProfileList', '', '', '', 'test') returning key)
     insert into queue_entry (enrollment_key, urgency, command_key) select $1, 0, key from c`,
    [key],
  );
});
afterAll(() => server.stop());

/** Has the server look for jobs. @returns the stream's position before that */
async function look(): Promise<string> {
  const input = { targets: { all: true }, channels: 'ALL', validateOnly: true } as const;
  const { pushEnrollments } = await dataOf(ask(graphOf(server), adminToken, push, { input }));
  if (pushEnrollments.__typename !== 'PushEnrollmentsPayload') throw new Error('no position');
  return pushEnrollments.cursor;
}

/** Targets as a later version may write them. */
const later = {
  member: { filter: { newMember: ['x'] }, channels: 'DEVICE' },
  'member within another': { filter: { not: { or: [{ newMember: 'x' }] } }, channels: 'DEVICE' },
  'part of a member': { filter: { tags: { exactly: ['x'] } }, channels: 'DEVICE' },
  kind: { allBut: ['x'], channels: 'DEVICE' },
};

const inputs = {
  MOVE_ENROLLMENTS: (targets: unknown) => ({ targets, to: 2, expectedCount: 9, actor: 'test' }),
  CLEAR_QUEUE: (targets: unknown) => ({
    selection: { commandKey: null, targets, tenant: null, upTo: '99' },
    ...{ what: { end: 'CLEARED' }, expectedCount: 9, actor: 'test' },
  }),
  PUSH: (targets: unknown) => ({ targets, tenant: null }),
  EXPORT: (targets: unknown) => ({ targets, tenant: null }),
};

describe.each(Object.entries(inputs))('a job %s', (kind, input) => {
  it.each(Object.entries(later))(
    'touches nobody when its targets have a %s that is not known',
    async (_what, targets) => {
      const jobId = randomUUID();
      const cursor = await look();
      await sql('insert into job (id, kind, input, total, created_by) values ($1, $2, $3, 1, $4)', [
        ...[jobId, kind, JSON.stringify(input(targets)), 'test'],
      ]);
      await look();
      expect(await ended(server, { jobId, cursor })).toMatchObject({
        ...{ state: 'FAILED', done: 0 },
        errors: [{ code: 'INPUT_NOT_UNDERSTOOD' }],
      });
      expect(
        await sql(
          `select e.tenant_id, exists (select 1 from push_state p where p.enrollment_key = e.key) as pushed,
             (select count(*)::int from queue_entry q where q.enrollment_key = e.key) as waiting
           from enrollment e where key = $1`,
          [key],
        ),
      ).toEqual([{ tenant_id: 1, pushed: false, waiting: 1 }]);
    },
  );
});
