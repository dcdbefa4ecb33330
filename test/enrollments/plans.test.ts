import { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EnrollmentOrder, EnrollmentPosition } from '../../server/model/enrollment-order.ts';
import { QueryTooExpensiveError } from '../../server/model/errors.ts';
import type { EnrollmentFilter } from '../../server/model/targets.ts';
import type { Viewer } from '../../server/model/viewer.ts';
import { countLimit } from '../../server/store/read/count.ts';
import { compileEnrollmentFilter } from '../../server/store/read/enrollment-filter.ts';
import {
  countEnrollments,
  enrollmentPage,
  enrollmentPageSql,
} from '../../server/store/read/enrollments.ts';
import { listedFilters } from '../../server/store/read/listed.ts';
import { addSearchIndex } from '../../server/store/search-index.ts';
import { type TestDatabase, testDatabase } from '../harness/database.ts';
import { explain, nodesOf } from '../harness/plan-cost.ts';
import { insertManyDevices } from './many-devices.ts';

const size = process.env['GRAPHMDM_SOAK'] ? 1_000_000 : 100_000;
/** Pages of 8 KB that a page of 20 devices may touch, in each of the two indexes and the table. */
const mostBuffers = 400;
/** Pages that a search may touch: of the rows that it walks through, and for each row that it finds. */
const mostWalked = 30_000;
const eachFound = 8;

let store: TestDatabase;

beforeAll(async () => {
  store = await testDatabase();
  const pool = store.database.graph;
  await insertManyDevices(pool, size);
  // Of a small tenant, behind all others whatever the order.
  await pool.query(
    `insert into enrollment (id, tenant_id, kind, enabled, serial_number, device_name, created_at)
     select 'Z-' || n, 9, 'DEVICE', true, 'Z' || n, 'z' || n, now() from generate_series(1, 100) n`,
  );
}, 600_000);
afterAll(() => store.drop());

const ofTenant: Viewer = { actor: 'test', tokenId: null, tenant: 1, scopes: new Set() };
const ofSmallTenant: Viewer = { ...ofTenant, tenant: 9 };
const ofAll: Viewer = { ...ofTenant, tenant: null };

async function planOf(
  viewer: Viewer,
  filter: EnrollmentFilter,
  order: EnrollmentOrder,
  after: EnrollmentPosition | null,
  fromEnd = false,
) {
  const stretch = { limit: 20, after, before: null, fromEnd };
  const { text, values } = enrollmentPageSql(viewer, filter, order, stretch);
  return explained(text, values);
}

async function explained(text: string, values: unknown[]) {
  const root = await explain(store.database.graph, text, values);
  const nodes = nodesOf(root);
  return {
    kinds: nodes.map((node) => node['Node Type']),
    said: nodes.map((node) => [node['Node Type'], node['Index Name']].join(' ')).join(', '),
    scanned: nodes
      .filter((node) => node['Node Type'] === 'Seq Scan' && node['Actual Loops'] > 0)
      .map((node) => node['Relation Name']),
    sorted: nodes.filter((node) => node['Node Type'].includes('Sort')),
    buffers: root['Shared Hit Blocks'] + root['Shared Read Blocks'],
    /** Rows that a search looked up. */
    found: Math.max(
      0,
      ...nodes
        .filter((node) => node['Subplan Name'] === 'CTE found')
        .map((node) => node['Actual Rows'] * node['Actual Loops']),
    ),
  };
}

/** The position in the middle of a list, or far behind in it. */
async function middleOf(filter: EnrollmentFilter, order: EnrollmentOrder) {
  const pool = store.database.graph;
  const { count } = await countEnrollments(pool, ofTenant, filter, 'DEVICE');
  const half = Math.min(Math.floor(count / 2), 50_000);
  const stretch = { limit: half, after: null, before: null, fromEnd: false };
  const { text, values } = enrollmentPageSql(ofTenant, filter, order, stretch);
  const { rows } = await pool.query<{ position: string[] }>(
    `select position from (${text}) page offset ${half} limit 1`,
    values,
  );
  return rows[0]?.position ?? null;
}

const listed = listedFilters.flatMap(({ filter, orders, example }) =>
  orders.flatMap((field) =>
    [false, true].map((descending) => ({
      name: `${filter} in the order ${field}${descending ? ', down' : ''}`,
      example,
      order: { field, descending },
    })),
  ),
);

describe(`a page of ${size} devices`, () => {
  it.each(listed)('is one stretch of an index for $name', async ({ example, order }) => {
    // A list that was named value by value may be sorted: it is no longer than what was named.
    const named = example.ids ?? example.serialNumbers;
    for (const after of [null, await middleOf(example, order)]) {
      for (const fromEnd of [false, true]) {
        const plan = await planOf(ofTenant, example, order, after, fromEnd);
        expect(plan.scanned).toEqual([]);
        if (!named) expect(plan.kinds.filter((kind) => kind.includes('Sort'))).toEqual([]);
        const about = `${String(after)} ${fromEnd}: ${plan.said}`;
        expect(plan.buffers, about).toBeLessThan(mostBuffers);
      }
    }
  });

  it.each(listed)('for all tenants merges a page of each for $name', async ({ example, order }) => {
    const plan = await planOf(ofAll, example, order, null);
    expect(plan.scanned).toEqual([]);
    expect(Math.max(0, ...plan.sorted.map((node) => node['Actual Rows']))).toBeLessThan(50);
    expect(plan.buffers, plan.said).toBeLessThan(mostBuffers);
  });

  const searchedOrders = ['ENROLLMENT_ID', 'DEVICE_NAME', 'LAST_SEEN'] as const;

  it.each(searchedOrders)(
    'takes a bounded stretch for a search by %s',
    {
      timeout: 240_000,
    },
    async (field) => {
      for (const search of ['d', 'D-00', 'SN0000500', 'Device f', 'device 00ab', 'nobody', 'z']) {
        for (const viewer of [ofTenant, ofSmallTenant, ofAll]) {
          const plan = await planOf(viewer, { search }, { field, descending: false }, null);
          const about = `${viewer.tenant} ${search}: ${plan.said}`;
          expect(plan.scanned, about).toEqual([]);
          expect(plan.buffers, about).toBeLessThan(mostWalked + eachFound * plan.found);
        }
      }
    },
  );

  it('that takes too long is a typed error', async () => {
    const client = await store.database.graph.connect();
    try {
      await client.query('set statement_timeout = 1');
      const filter: EnrollmentFilter = { not: { search: 'D-' }, pushStates: ['REJECTED'] };
      const order = { field: 'OS_VERSION', descending: true } as const;
      const stretch = { limit: 20, after: null, before: null, fromEnd: false };
      await expect(enrollmentPage(client, ofTenant, filter, order, stretch)).rejects.toThrow(
        QueryTooExpensiveError,
      );
    } finally {
      client.release(true);
    }
  });
});

describe(`a page of ${size} devices that are searched inside`, () => {
  beforeAll(async () => {
    const pool = new Pool({ connectionString: store.url, max: 1 });
    expect(await addSearchIndex(pool)).toBe(true);
    await pool.end();
  }, 600_000);

  // Rare, frequent and absent ones; some whose parts are frequent while they are rare or absent.
  const texts = [
    ...['dev', 'evice', '0000', '000', '999', 'ffff', '00abc', '0000500', 'sn0000500', 'nobody'],
    ...['vice 00a', 'vice 00abc', 'e f', '9z9z', '-00'],
  ];

  it.each(texts.filter((text) => text.length > 2))(
    'takes a bounded stretch for %s',
    async (text) => {
      for (const viewer of [ofTenant, ofSmallTenant, ofAll]) {
        for (const field of ['ENROLLMENT_ID', 'DEVICE_NAME', 'LAST_SEEN', 'OS_VERSION'] as const) {
          for (const descending of [false, true]) {
            const order = { field, descending };
            const plan = await planOf(viewer, { search: text, inside: true }, order, null);
            const about = `${viewer.tenant} ${field}: ${plan.buffers} by ${plan.said}`;
            expect(plan.scanned, about).toEqual([]);
            expect(plan.buffers, about).toBeLessThan(mostWalked + eachFound * plan.found);
          }
        }
      }
    },
  );

  it('reads the table at most once for what is nowhere while its parts are everywhere', async () => {
    for (const search of ['device-', 'e devi', 'a-b']) {
      const order = { field: 'ENROLLMENT_ID', descending: false } as const;
      const plan = await planOf(ofTenant, { search, inside: true }, order, null);
      expect(plan.scanned, search).toEqual([]);
      expect(plan.buffers, `${search}: ${plan.said}`).toBeLessThan(mostWalked + size / 20);
    }
  });

  it('counts by the index what is rare', async () => {
    for (const text of ['00abc', 'sn0000500', 'nobody', 'vice 00abc']) {
      const { sql, values } = compileEnrollmentFilter(
        { search: text, inside: true },
        { tenant: 1, channels: 'DEVICE' },
        1,
      );
      const plan = await explained(
        `select 1 from enrollment e where ${sql} limit ${countLimit + 1}`,
        values,
      );
      expect(plan.scanned, text).toEqual([]);
      expect(plan.buffers, text).toBeLessThan(10_000);
    }
  });
});
