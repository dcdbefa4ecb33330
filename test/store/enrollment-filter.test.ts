import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EnrollmentKind } from '../../server/model/enrollment.ts';
import type { Channels, EnrollmentFilter } from '../../server/model/targets.ts';
import { compileEnrollmentFilter } from '../../server/store/read/enrollment-filter.ts';
import { type TestDatabase, testDatabase } from '../harness/database.ts';

interface Row {
  readonly id: string;
  readonly tenant: number;
  readonly kind: EnrollmentKind;
  readonly device: string | null;
  readonly serialNumber: string | null;
  readonly topic: string | null;
  readonly enabled: boolean;
  readonly awaiting: boolean | null;
  readonly tags: readonly string[];
}

let store: TestDatabase;
let rows: readonly Row[];

const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
const serials = ['S1', 'S2', 'S3'];
const topics = ['t1', 't2'];
const tags = ['red', 'green', 'blue'];

beforeAll(async () => {
  store = await testDatabase();
  const devices = ids.map(
    (id, index): Row => ({
      id,
      tenant: index % 3 === 2 ? 2 : 1,
      kind: index % 2 === 0 ? 'DEVICE' : 'USER_ENROLLMENT_DEVICE',
      device: null,
      serialNumber: serials[index % 4] ?? null,
      topic: topics[index % 3] ?? null,
      enabled: index !== 1,
      awaiting: [true, false, null][index % 3] ?? null,
      tags: tags.slice(index % 3, index % 4),
    }),
  );
  const users = devices.slice(0, 4).map(
    (device, index): Row => ({
      ...device,
      id: `${device.id}:user`,
      kind: index === 3 ? 'SHARED_IPAD' : 'USER',
      device: device.id,
      serialNumber: null,
      enabled: index !== 2,
      tags: tags.slice(0, index % 2),
    }),
  );
  rows = [...devices, ...users];
  for (const row of rows) {
    await store.database.graph.query(
      `insert into enrollment (id, tenant_id, kind, device_key, serial_number, topic, enabled,
         awaiting_configuration)
       values ($1, $2, $3, (select key from enrollment where id = $4), $5, $6, $7, $8)`,
      [
        row.id,
        row.tenant,
        row.kind,
        row.device,
        row.serialNumber,
        row.topic,
        row.enabled,
        row.awaiting,
      ],
    );
    await store.database.graph.query(
      `insert into enrollment_tag (tenant_id, tag, enrollment_id, enrollment_key)
       select tenant_id, unnest($2::text[]), id, key from enrollment where id = $1`,
      [row.id, row.tags],
    );
  }
});

afterAll(() => store.drop());

/** What a filter means, said without SQL. */
function holds(filter: EnrollmentFilter, row: Row): boolean {
  const device = rows.find(({ id }) => id === row.device);
  const serialNumber = row.serialNumber ?? device?.serialNumber ?? null;
  const among = (list: readonly string[] | undefined, value: string | null) =>
    list === undefined || (value !== null && list.includes(value));
  const has = (tag: string) => row.tags.includes(tag) || device?.tags.includes(tag) === true;
  const { any, all = [], none = [] } = filter.tags ?? {};
  return (
    (any === undefined || any.some(has)) &&
    all.every(has) &&
    !none.some(has) &&
    (filter.and ?? []).every((inner) => holds(inner, row)) &&
    (filter.or === undefined || filter.or.some((inner) => holds(inner, row))) &&
    (filter.not === undefined || !holds(filter.not, row)) &&
    among(filter.ids, row.id) &&
    among(filter.kinds, row.kind) &&
    (filter.enabled === undefined || filter.enabled === row.enabled) &&
    among(filter.serialNumbers, serialNumber) &&
    among(filter.topics, row.topic) &&
    (filter.awaitingConfiguration === undefined ||
      filter.awaitingConfiguration === (row.awaiting ?? false))
  );
}

function isOf(channels: Channels, row: Row): boolean {
  return channels === 'ALL' || (channels === 'DEVICE') === (row.device === null);
}

const someOf = <T>(...values: readonly T[]) => fc.subarray([...values]);

/** Filters that nest at most this deep. */
function filters(depth: number): fc.Arbitrary<EnrollmentFilter> {
  const members = {
    ids: someOf(...ids, 'a:user', 'nobody'),
    kinds: someOf<EnrollmentKind>('DEVICE', 'USER', 'SHARED_IPAD', 'USER_ENROLLMENT_DEVICE'),
    enabled: fc.boolean(),
    serialNumbers: someOf(...serials, "'; drop table enrollment; --"),
    topics: someOf(...topics),
    awaitingConfiguration: fc.boolean(),
    tags: fc.record(
      { any: someOf(...tags), all: someOf(...tags), none: someOf(...tags) },
      { requiredKeys: [] },
    ),
  };
  if (depth === 0) return fc.record(members, { requiredKeys: [] });
  const inner = filters(depth - 1);
  const nested = {
    and: fc.array(inner, { maxLength: 2 }),
    or: fc.array(inner, { maxLength: 2 }),
    not: inner,
  };
  return fc.record({ ...members, ...nested }, { requiredKeys: [] });
}

describe('a compiled filter', () => {
  it('finds what the filter says, for the tenant and the channels wanted', async () => {
    const channels = fc.constantFrom<Channels>('DEVICE', 'USER', 'ALL');
    const tenant = fc.constantFrom(1, 2, null);
    await fc.assert(
      fc.asyncProperty(filters(2), channels, tenant, async (wanted, of, whose) => {
        const { sql, values } = compileEnrollmentFilter(wanted, { tenant: whose, channels: of }, 1);
        const found = await store.database.graph.query<{ id: string }>(
          `select e.id from enrollment e where ${sql} order by e.id`,
          values,
        );
        const expected = rows.filter(
          (row) => (whose === null || row.tenant === whose) && isOf(of, row) && holds(wanted, row),
        );
        expect(found.rows.map(({ id }) => id)).toEqual(expected.map(({ id }) => id).sort());
      }),
      { numRuns: process.env['GRAPHMDM_SOAK'] ? 5_000 : 100 },
    );
  });

  it('leaves the placeholders before it alone', async () => {
    const condition = compileEnrollmentFilter(
      { ids: ['a', 'b'], not: { ids: ['b'] } },
      { tenant: 1, channels: 'DEVICE' },
      3,
    );
    const { rows: found } = await store.database.graph.query(
      `select $1::text as one, $2::text as two, e.id from enrollment e where ${condition.sql}`,
      ['1', '2', ...condition.values],
    );
    expect(found).toEqual([{ one: '1', two: '2', id: 'a' }]);
  });
});
