import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EnrollmentKind } from '../../server/model/enrollment.ts';
import type { Channels, EnrollmentFilter } from '../../server/model/targets.ts';
import { compileEnrollmentFilter } from '../../server/store/read/enrollment-filter.ts';
import { writeLastSeen } from '../../server/store/last-seen.ts';
import { aStoredCommand, anEntry } from '../graph/rows.ts';
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
  readonly name: string | null;
  readonly os: string | null;
  readonly model: string | null;
  /** Hours since the first of January. */
  readonly seen: number | null;
  /** Day of January. */
  readonly enrolled: number | null;
  readonly certificateEnd: number | null;
  readonly pending: readonly string[];
  readonly push: 'ACCEPTED' | 'RETRYING' | 'UNKNOWN';
}

const january = Date.UTC(2026, 0);
const hour = (n: number) => new Date(january + n * 3_600_000).toISOString();
const dayOf = (n: number) => hour((n - 1) * 24);

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
      name: ["Ann's Mac", 'ann', null, 'Bob', 'S1', '100%_a\\b'][index] ?? null,
      model: ['MacBookPro', null, 'iPad', 'MacBookPro'][index % 4] ?? null,
      os: ['9.3', '10.15.7', null, 'x', '15'][index % 5] ?? null,
      seen: [1, 2, null, 3][index % 4] ?? null,
      enrolled: [null, 2, 3][index % 3] ?? null,
      certificateEnd: [2, null, 4][index % 3] ?? null,
      pending: ['Restart', 'EraseDevice'].slice(index % 3),
      push: (['ACCEPTED', 'RETRYING', 'UNKNOWN'] as const)[index % 3] ?? 'UNKNOWN',
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
      seen: index % 2 === 0 ? null : 4,
      pending: [],
      push: 'UNKNOWN',
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
    await fillIn(row);
    await store.database.graph.query(
      `insert into enrollment_tag (tenant_id, tag, enrollment_id, enrollment_key)
       select tenant_id, unnest($2::text[]), id, key from enrollment where id = $1`,
      [row.id, row.tags],
    );
  }
});

afterAll(() => store.drop());

async function fillIn(row: Row): Promise<void> {
  const { graph } = store.database;
  const { rows: keys } = await graph.query<{ key: string }>(
    `update enrollment set device_name = $2, os_version = $3, enrolled_at = $4, cert_not_after = $5, model = $6
     where id = $1 returning key`,
    [
      row.id,
      row.device === null ? row.name : null,
      row.device === null ? row.os : null,
      row.enrolled === null ? null : dayOf(row.enrolled),
      row.certificateEnd === null ? null : dayOf(row.certificateEnd),
      row.device === null ? row.model : null,
    ],
  );
  const key = keys[0]?.key ?? '';
  if (row.seen !== null) await writeLastSeen(graph, new Map([[key, new Date(hour(row.seen))]]));
  for (const requestType of row.pending) {
    await anEntry(graph, key, (await aStoredCommand(graph, { requestType })).key);
  }
  if (row.push === 'UNKNOWN') return;
  await graph.query(
    `insert into push_state (enrollment_key, claimed_at, outcome, outcome_at, retry_at)
     values ($1, now(), $2, now(), $3)`,
    row.push === 'ACCEPTED' ? [key, 'ACCEPTED', null] : [key, 'UNREACHABLE', new Date()],
  );
}

/** What a filter means, said without SQL. */
function holds(filter: EnrollmentFilter, row: Row): boolean {
  const device = rows.find(({ id }) => id === row.device);
  const serialNumber = row.serialNumber ?? device?.serialNumber ?? null;
  const among = (list: readonly string[] | undefined, value: string | null) =>
    list === undefined || (value !== null && list.includes(value));
  const has = (tag: string) => row.tags.includes(tag) || device?.tags.includes(tag) === true;
  const { any, all = [], none = [] } = filter.tags ?? {};
  return (
    otherMembersHold(filter, row, device, serialNumber) &&
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
    among(filter.models, row.model) &&
    among(filter.topics, row.topic) &&
    (filter.awaitingConfiguration === undefined ||
      filter.awaitingConfiguration === (row.awaiting ?? false))
  );
}

function otherMembersHold(
  filter: EnrollmentFilter,
  row: Row,
  device: Row | undefined,
  serialNumber: string | null,
) {
  const { search, inside, osVersion, lastSeenBefore, lastSeenAfter, pendingCommands, pushStates } =
    filter;
  const { enrolledBefore, enrolledAfter, certificateExpiresBefore } = filter;
  const version = (text: string) =>
    text.split('.').reduce((sum, part, place) => sum + Number(part) * 10_000 ** (2 - place), 0);
  const os = row.os === null || row.os === 'x' ? null : version(row.os);
  const begins = (value: string | null, text: string) => value?.startsWith(text) === true;
  const seen = row.seen === null ? '' : hour(row.seen);
  const wholeHour = (time: string) =>
    new Date(Math.floor(Date.parse(time) / 3_600_000) * 3_600_000).toISOString();
  const enrolled = row.enrolled === null ? null : dayOf(row.enrolled);
  const end = row.certificateEnd === null ? null : dayOf(row.certificateEnd);
  return (
    (search === undefined ||
      inside ||
      [search, search.toUpperCase()].some(
        (text) => begins(row.id, text) || begins(serialNumber, text),
      ) ||
      begins(row.name?.toLowerCase() ?? null, search.toLowerCase())) &&
    (search === undefined ||
      !inside ||
      [row.id, serialNumber, row.name, device?.id].some((text) =>
        text?.toLowerCase().includes(search.toLowerCase()),
      )) &&
    (osVersion === undefined ||
      (os !== null &&
        os >= version(osVersion.atLeast ?? '0') &&
        (osVersion.below === undefined || os < version(osVersion.below)))) &&
    (lastSeenBefore === undefined || seen < wholeHour(lastSeenBefore)) &&
    (lastSeenAfter === undefined || seen >= wholeHour(lastSeenAfter)) &&
    (enrolledBefore === undefined || (enrolled !== null && enrolled < enrolledBefore)) &&
    (enrolledAfter === undefined || (enrolled !== null && enrolled >= enrolledAfter)) &&
    (certificateExpiresBefore === undefined || (end !== null && end < certificateExpiresBefore)) &&
    (pendingCommands === undefined || pendingCommands.some((type) => row.pending.includes(type))) &&
    (pushStates === undefined || pushStates.includes(row.push))
  );
}

function isOf(channels: Channels, row: Row): boolean {
  return channels === 'ALL' || (channels === 'DEVICE') === (row.device === null);
}

const someOf = <T>(...values: readonly T[]) => fc.subarray([...values]);

/** Filters of at most three members: with more, hardly a row would fit. */
function someMembers<T extends object>(
  members: {
    [K in keyof T]: fc.Arbitrary<T[K]>;
  },
): fc.Arbitrary<Partial<T>> {
  const names = fc.subarray(Object.keys(members), { maxLength: 3 });
  return fc.tuple(fc.record<T>(members), names).map(([all, kept]) => {
    const some: Partial<T> = { ...all };
    for (const name in all) if (!kept.includes(name)) delete some[name];
    return some;
  });
}

/** Filters that nest at most this deep. */
function filters(depth: number): fc.Arbitrary<EnrollmentFilter> {
  const members = {
    ids: someOf(...ids, 'a:user', 'nobody'),
    kinds: someOf<EnrollmentKind>('DEVICE', 'USER', 'SHARED_IPAD', 'USER_ENROLLMENT_DEVICE'),
    enabled: fc.boolean(),
    serialNumbers: someOf(...serials, "'; drop table enrollment; --"),
    topics: someOf(...topics),
    models: fc.constantFrom(['MacBookPro'], ['iPad', 'MacBookPro'], ['iPhone'], []),
    awaitingConfiguration: fc.boolean(),
    search: fc.constantFrom(
      ...[
        'a',
        'A',
        's',
        'S1',
        'ann',
        'ANN',
        'bo',
        'nobody',
        'nn',
        "N'S M",
        'OB',
        '0%_A',
        '%_',
        '\\B',
        '\\%',
        '1',
        ':us',
        'A:U',
        'nobody',
        '\u0001',
      ],
    ),
    inside: fc.constant(true as const),
    osVersion: fc.record(
      { atLeast: fc.constantFrom('9', '9.4', '10.15.7'), below: fc.constantFrom('10', '15.0.1') },
      { requiredKeys: [] },
    ),
    lastSeenBefore: fc.constantFrom(hour(2), hour(3.5)),
    lastSeenAfter: fc.constantFrom(hour(2), hour(3.5)),
    enrolledBefore: fc.constant(dayOf(3)),
    enrolledAfter: fc.constant(dayOf(3)),
    certificateExpiresBefore: fc.constantFrom(dayOf(3), dayOf(5)),
    pendingCommands: someOf('Restart', 'EraseDevice'),
    pushStates: someOf('ACCEPTED' as const, 'RETRYING' as const, 'UNKNOWN' as const),
    tags: fc.record(
      { any: someOf(...tags), all: someOf(...tags), none: someOf(...tags) },
      { requiredKeys: [] },
    ),
  };
  if (depth === 0) return someMembers(members);
  const inner = filters(depth - 1);
  const nested = {
    and: fc.array(inner, { maxLength: 2 }),
    or: fc.array(inner, { maxLength: 2 }),
    not: inner,
  };
  return someMembers({ ...members, ...nested });
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
