import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../../generated/gql/gql.ts';
import type { ListInOrderQueryVariables } from '../../generated/gql/graphql.ts';
import { enrollmentOrderFields } from '../../server/model/enrollment-order.ts';
import { addSearchIndex } from '../../server/store/search-index.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { type GraphServer, startGraph } from '../graph/graph-server.ts';

let server: GraphServer;
let token: string;
let everywhere: string;

interface Made {
  readonly id: string;
  readonly tenant: number;
  readonly serial: string | null;
  readonly name: string | null;
  readonly os: string | null;
  readonly enrolled: string | null;
  readonly created: string;
  readonly expires: string | null;
  readonly hour: number;
}

const day = (n: number) => `2026-01-${String(n).padStart(2, '0')}T00:00:00.000Z`;
const versions = [
  '9.3',
  '10.0',
  '10.15.7',
  '15.1',
  null,
  'beta',
  '10',
  '10.2.1 (a)',
  '99999.1',
  '',
];

const made: readonly Made[] = Array.from({ length: 45 }, (_, n) => ({
  id: `ID-${String((n * 17) % 45).padStart(2, '0')}`,
  tenant: n % 4 === 3 ? 2 : 1,
  serial: n % 5 === 0 ? null : `S${n % 7}`,
  name: n % 6 === 0 ? null : `${n % 2 ? 'Ann' : 'ann'} ${n % 9}`,
  os: versions[n % versions.length] ?? null,
  enrolled: n % 3 === 0 ? null : day((n % 5) + 1),
  created: day((n % 11) + 1),
  expires: n % 4 === 0 ? null : day((n % 6) + 1),
  hour: n % 5 === 0 ? 0 : 490_000 + (n % 3),
}));

beforeAll(async () => {
  server = await startGraph();
  ({ token } = await server.token());
  ({ token: everywhere } = await server.token({ tenant: null }));
  for (const row of made) {
    await server.pool.query(
      `insert into enrollment (id, tenant_id, kind, enabled, serial_number, device_name, os_version,
         enrolled_at, created_at, cert_not_after) values ($1, $2, 'DEVICE', true, $3, $4, $5, $6, $7, $8)`,
      [row.id, row.tenant, row.serial, row.name, row.os, row.enrolled, row.created, row.expires],
    );
    await server.pool.query(
      `update enrollment_seen_hour h set hour = $2 from enrollment e
       where e.key = h.enrollment_key and e.id = $1`,
      [row.id, row.hour],
    );
  }
});
afterAll(() => server.stop());

const listed = graphql(`
  query ListInOrder(
    $first: Int
    $last: Int
    $after: String
    $before: String
    $orderBy: EnrollmentOrderInput
    $filter: EnrollmentFilterInput
  ) {
    enrollments(
      first: $first
      last: $last
      after: $after
      before: $before
      orderBy: $orderBy
      filter: $filter
    ) {
      edges {
        cursor
        node {
          enrollmentId
        }
      }
      pageInfo {
        hasNextPage
        hasPreviousPage
        startCursor
        endCursor
      }
    }
  }
`);

/** What is behind a position of the order, and what is before it. */
const around = graphql(`
  query ListAround($position: String, $orderBy: EnrollmentOrderInput, $filter: EnrollmentFilterInput) {
    behind: enrollments(first: 50, after: $position, orderBy: $orderBy, filter: $filter) {
      edges {
        node {
          enrollmentId
        }
      }
    }
    ahead: enrollments(last: 50, before: $position, orderBy: $orderBy, filter: $filter) {
      edges {
        node {
          enrollmentId
        }
      }
    }
  }
`);

type OrderBy = NonNullable<ListInOrderQueryVariables['orderBy']>;

async function page(variables: ListInOrderQueryVariables, as = token) {
  const { enrollments } = await dataOf(ask(server, as, listed, variables));
  const { edges, pageInfo } = enrollments;
  return {
    ids: edges.map(({ node }) => node.enrollmentId),
    cursors: edges.map(({ cursor }) => cursor),
    ...pageInfo,
  };
}

async function whole(
  orderBy: OrderBy,
  size: number,
  fromEnd: boolean,
  as: string,
  filter: ListInOrderQueryVariables['filter'] = null,
) {
  const ids: string[] = [];
  for (let cursor: string | null = null; ; ) {
    const part = await page(
      fromEnd
        ? { orderBy, filter, last: size, before: cursor }
        : { orderBy, filter, first: size, after: cursor },
      as,
    );
    if (fromEnd) ids.unshift(...part.ids);
    else ids.push(...part.ids);
    if (!(fromEnd ? part.hasPreviousPage : part.hasNextPage)) return ids;
    cursor = fromEnd ? part.startCursor : part.endCursor;
  }
}

/** The number that a version stands for, said without SQL. */
function versionOf(os: string | null): number {
  const parts = /^(\d{1,4})(?!\d)(?:\.(\d{1,4})(?!\d))?(?:\.(\d{1,4})(?!\d))?/.exec(os ?? '');
  if (!parts) return -1;
  const [, major = 0, minor = 0, patch = 0] = parts.map((part) => Number(part ?? 0));
  return major * 1e8 + minor * 1e4 + patch;
}

const valueOf: Readonly<Record<OrderBy['field'], (row: Made) => string | number>> = {
  ENROLLMENT_ID: ({ id }) => id,
  SERIAL_NUMBER: ({ serial }) => serial ?? '',
  DEVICE_NAME: ({ name }) => name?.toLowerCase() ?? '',
  LAST_SEEN: ({ hour }) => hour,
  ENROLLED_AT: ({ enrolled }) => enrolled ?? '',
  FIRST_SEEN: ({ created }) => created,
  OS_VERSION: ({ os }) => versionOf(os),
  CERTIFICATE_EXPIRY: ({ expires }) => expires ?? '',
};

/** The list as it has to be: by value, then as they were made. */
function expected(
  { field, direction }: OrderBy,
  tenant: number | null,
  fits: (row: Made) => boolean = () => true,
): string[] {
  const rows = made
    .map((row, place) => ({ ...row, place }))
    .filter((row) => (tenant === null || row.tenant === tenant) && fits(row))
    .sort((a, b) => {
      const [x, y] = [valueOf[field](a), valueOf[field](b)];
      return x < y ? -1 : x > y ? 1 : a.place - b.place;
    });
  return (direction === 'DESC' ? rows.reverse() : rows).map(({ id }) => id);
}

const orders = enrollmentOrderFields.flatMap((field) =>
  (['ASC', 'DESC'] as const).map((direction) => ({ field, direction })),
);

describe('the order of enrolments', () => {
  it.each(orders)('$field $direction is complete from both ends, page by page', async (orderBy) => {
    expect(await whole(orderBy, 7, false, token)).toEqual(expected(orderBy, 1));
    expect(await whole(orderBy, 4, true, token)).toEqual(expected(orderBy, 1));
    expect(await whole(orderBy, 10, false, everywhere)).toEqual(expected(orderBy, null));
  });

  const ranges = [
    ...(['ENROLLED_AT', 'CERTIFICATE_EXPIRY'] as const).map((field) => ({
      field,
      filter:
        field === 'ENROLLED_AT' ? { enrolledBefore: day(4) } : { certificateExpiresBefore: day(4) },
      fits: ({ enrolled, expires }: Made) => {
        const time = field === 'ENROLLED_AT' ? enrolled : expires;
        return time !== null && time < day(4);
      },
    })),
    {
      field: 'ENROLLED_AT' as const,
      filter: { enrolledAfter: day(2), enrolledBefore: day(4) },
      fits: ({ enrolled }: Made) => enrolled !== null && enrolled >= day(2) && enrolled < day(4),
    },
    {
      field: 'OS_VERSION' as const,
      filter: { osVersion: { atLeast: '10', below: '15' } },
      fits: ({ os }: Made) => versionOf(os) >= 10e8 && versionOf(os) < 15e8,
    },
    {
      field: 'LAST_SEEN' as const,
      filter: {
        lastSeenAfter: new Date(490_001 * 3_600_000).toISOString(),
        lastSeenBefore: new Date(490_002 * 3_600_000).toISOString(),
      },
      fits: ({ hour }: Made) => hour === 490_001,
    },
  ];
  const rangedOrders = ranges.flatMap((range) =>
    (['ASC', 'DESC'] as const).map((direction) => ({ ...range, direction })),
  );

  it.each(rangedOrders)(
    '$field $direction goes on in $filter from any position of the order',
    async ({ field, direction, filter, fits }) => {
      const orderBy = { field, direction };
      const all = expected(orderBy, 1);
      const inRange = new Set(expected(orderBy, 1, fits));
      expect(inRange.size).toBeGreaterThan(2);
      const { ids, cursors, endCursor } = await page({ orderBy, first: all.length });
      expect(ids).toEqual(all);
      expect(cursors.at(-1)).toBe(endCursor);
      for (const [place, position] of cursors.entries()) {
        const { behind, ahead } = await dataOf(
          ask(server, token, around, { orderBy, filter, position }),
        );
        const idsOf = ({ edges }: typeof behind) => edges.map(({ node }) => node.enrollmentId);
        expect(idsOf(behind)).toEqual(all.slice(place + 1).filter((id) => inRange.has(id)));
        expect(idsOf(ahead)).toEqual(all.slice(0, place).filter((id) => inRange.has(id)));
      }
    },
  );

  it.each(orders)('$field $direction is complete of what a search finds', async (orderBy) => {
    const filter = { search: 'ANN', not: { search: 'ID-0' } };
    const fits = ({ id, name }: Made) =>
      name?.toLowerCase().startsWith('ann') === true && !id.startsWith('ID-0');
    expect(await whole(orderBy, 3, false, token, filter)).toEqual(expected(orderBy, 1, fits));
    expect(await whole(orderBy, 50, true, token, filter)).toEqual(expected(orderBy, 1, fits));
    expect(await whole(orderBy, 4, true, everywhere, filter)).toEqual(
      expected(orderBy, null, fits),
    );
  });

  it('stays whole for those that do not move, whatever moves while one pages', async () => {
    const orderBy: OrderBy = { field: 'DEVICE_NAME', direction: 'ASC' };
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(), { minLength: 1, maxLength: 6 }), async (moves) => {
        const moved = new Set<string>();
        const seen: string[] = [];
        let after: string | null = null;
        for (const move of [...moves, 0, 0, 0, 0, 0, 0, 0, 0]) {
          const part = await page({ orderBy, first: 5, after });
          seen.push(...part.ids);
          if (!part.hasNextPage) break;
          after = part.endCursor;
          const row = made[move % made.length];
          if (row === undefined) continue;
          moved.add(row.id);
          await server.pool.query("update enrollment set device_name = 'zz' where id = $1", [
            row.id,
          ]);
        }
        for (const { id, name } of made) {
          await server.pool.query('update enrollment set device_name = $2 where id = $1', [
            id,
            name,
          ]);
        }
        const still = (ids: readonly string[]) => ids.filter((id) => !moved.has(id));
        expect(still(seen)).toEqual(still(expected(orderBy, 1)));
      }),
      { numRuns: process.env['GRAPHMDM_SOAK'] ? 300 : 5 },
    );
  });

  it('goes with its cursors: one of another order is refused', async () => {
    const orderBy: OrderBy = { field: 'LAST_SEEN', direction: 'ASC' };
    const { endCursor } = await page({ orderBy, first: 2 });
    for (const other of [
      { field: 'LAST_SEEN', direction: 'DESC' },
      { field: 'OS_VERSION', direction: 'ASC' },
      { field: 'ENROLLMENT_ID', direction: 'ASC' },
      { field: 'ENROLLMENT_ID', direction: 'DESC' },
    ] as const) {
      const answer = await ask(server, token, listed, { orderBy: other, after: endCursor });
      expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'CURSOR_INVALID' });
    }
    const forged = Buffer.from(JSON.stringify(['enrollments by LAST_SEEN', 'now()', '1'])).toString(
      'base64url',
    );
    const answer = await ask(server, token, listed, { orderBy, after: forged });
    expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'CURSOR_INVALID' });
  });

  it('takes filters', async () => {
    const orderBy: OrderBy = { field: 'OS_VERSION', direction: 'DESC' };
    const inRange = await page({
      orderBy,
      filter: { osVersion: { atLeast: '10', below: '15.1' } },
    });
    const rows = expected(orderBy, 1).filter((id) => {
      const version = versionOf(made.find((row) => row.id === id)?.os ?? null);
      return version >= 10e8 && version < 15e8 + 1e4;
    });
    expect(inRange.ids).toEqual(rows);
    for (const osVersion of [{ below: 'x' }, { atLeast: '1.2.3.4' }, { atLeast: '12345' }]) {
      const answer = await ask(server, token, listed, { filter: { osVersion } });
      expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'BAD_VERSION' });
    }
  });
});

describe('where texts are searched inside', () => {
  beforeAll(async () => {
    expect(await addSearchIndex(server.pool)).toBe(true);
  });

  it.each(orders)('$field $direction is complete of what a search finds', async (orderBy) => {
    const fits = ({ id, name }: Made) =>
      name?.toLowerCase().includes('nn ') === true && !id.includes('D-0');
    const filter = { search: 'NN ', not: { search: 'D-0' } };
    expect(await whole(orderBy, 3, false, token, filter)).toEqual(expected(orderBy, 1, fits));
    expect(await whole(orderBy, 50, true, token, filter)).toEqual(expected(orderBy, 1, fits));
    expect(await whole(orderBy, 4, true, everywhere, filter)).toEqual(
      expected(orderBy, null, fits),
    );
  });
});
