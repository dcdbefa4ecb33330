import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeLastSeen } from '../../server/store/last-seen.ts';
import { anEnrollment } from '../graph/rows.ts';
import { type TestDatabase, testDatabase } from '../harness/database.ts';

let store: TestDatabase;
const keys: string[] = [];

beforeAll(async () => {
  store = await testDatabase();
  const { graph } = store.database;
  for (const id of ['A', 'B', 'C']) keys.push(await anEnrollment(graph, { id }));
  keys.push(await anEnrollment(graph, { id: 'A:ANN', device: 'A' }));
});
afterAll(() => store.drop());

const at = (hour: number, minute = 0) => new Date((hour * 60 + minute) * 60_000);

async function hours() {
  const { rows } = await store.database.graph.query<{ hour: number; version: string }>(
    `select hour, xmin::text as version from enrollment_seen_hour order by enrollment_key`,
  );
  return rows;
}

describe('the hour in which an enrolment was last heard', () => {
  it('is written only when it changes, and never goes back', async () => {
    const { graph } = store.database;
    expect((await hours()).map(({ hour }) => hour)).toEqual([0, 0, 0, 0]);
    const [a = '', b = '', , ann = ''] = keys;
    const heard = (...of: readonly (readonly [string, Date])[]) =>
      writeLastSeen(graph, new Map(of));
    await heard([b, at(100, 5)], [a, at(100, 59)], [ann, at(101)]);
    const first = await hours();
    expect(first.map(({ hour }) => hour)).toEqual([100, 100, 0, 101]);
    // In the same hour, and in one before: nothing is written, not even the same again.
    await heard([b, at(100, 50)], [a, at(99)], [ann, at(101, 1)]);
    expect(await hours()).toEqual(first);
    await heard([a, at(102)], ['999999', at(102)]);
    expect((await hours()).map(({ hour }) => hour)).toEqual([102, 100, 0, 101]);
    const { rows } = await graph.query<{ at: Date }>(
      'select last_seen_at as at from enrollment_seen where enrollment_key = $1',
      [b],
    );
    expect(rows[0]?.at).toEqual(at(100, 50));
  });

  it('is written by many at once without a deadlock', async () => {
    const { graph } = store.database;
    await graph.query(
      `insert into enrollment (id, kind) select 'N-' || n, 'DEVICE' from generate_series(1, 500) n`,
    );
    const { rows } = await graph.query<{ key: string }>(
      "select key from enrollment where id like 'N-%'",
    );
    const writers = Array.from({ length: 6 }, (_, writer) => {
      const order = writer % 2 === 0 ? rows : rows.toReversed();
      return writeLastSeen(graph, new Map(order.map(({ key }) => [key, at(200 + writer)])));
    });
    await Promise.all(writers);
    const { rows: found } = await graph.query(
      `select distinct h.hour from enrollment_seen_hour h
       join enrollment e on e.key = h.enrollment_key where e.id like 'N-%'`,
    );
    expect(found).toEqual([{ hour: 205 }]);
  });

  it('goes with an enrolment that is moved to another tenant, as its tags do', async () => {
    const { graph } = store.database;
    await graph.query(
      `insert into enrollment_tag (tenant_id, tag, enrollment_id, enrollment_key)
       select 1, 'lab', id, key from enrollment where id = 'C'`,
    );
    await graph.query("update enrollment set tenant_id = 7 where id = 'C'");
    const { rows } = await graph.query(
      `select h.tenant_id as hour_tenant, t.tenant_id as tag_tenant
       from enrollment e join enrollment_seen_hour h on h.enrollment_key = e.key
       join enrollment_tag t on t.enrollment_key = e.key where e.id = 'C'`,
    );
    expect(rows).toEqual([{ hour_tenant: 7, tag_tenant: 7 }]);
  });
});
