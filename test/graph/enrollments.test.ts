import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { graphql } from '../../generated/gql/gql.ts';
import type { ListedDevicesQueryVariables } from '../../generated/gql/graphql.ts';
import { ask, dataOf } from './ask.ts';
import { type GraphServer, startGraph } from './graph-server.ts';
import { aResult, aStoredCommand, anEnrollment, anEntry } from './rows.ts';

let server: GraphServer;
let token: string;

beforeAll(async () => {
  server = await startGraph();
  ({ token } = await server.token());
  const { pool } = server;
  for (let number = 0; number < 60; number += 1) {
    const id = `DEVICE-${String(number).padStart(2, '0')}`;
    const key = await anEnrollment(pool, {
      id,
      serialNumber: `SN${number}`,
      enabled: number % 2 === 0,
    });
    await anEnrollment(pool, { id: `${id}:USER-A`, device: id });
    for (const urgency of [0, 0, 1]) {
      await anEntry(pool, key, (await aStoredCommand(pool)).key, urgency);
    }
    await aResult(server, { key, id }, await aStoredCommand(pool));
    await aResult(server, { key, id }, await aStoredCommand(pool));
  }
  await anEnrollment(pool, { id: 'ELSEWHERE', tenant: 2, serialNumber: 'SN1' });
});

afterAll(() => server.stop());

beforeEach(() => {
  server.statements.length = 0;
});

const listed = graphql(`
  query ListedDevices(
    $first: Int
    $last: Int
    $after: String
    $before: String
    $filter: EnrollmentFilterInput
  ) {
    enrollments(first: $first, last: $last, after: $after, before: $before, filter: $filter) {
      edges {
        cursor
        node {
          enrollmentId
          udid
          serialNumber
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

const counted = graphql(`
  query CountedDevices($first: Int) {
    enrollments(first: $first) {
      totalCount
      totalCountIsEstimate
    }
  }
`);

async function page(variables: ListedDevicesQueryVariables, as = token) {
  const { enrollments } = await dataOf(ask(server, as, listed, variables));
  return { ids: enrollments.edges.map(({ node }) => node.enrollmentId), ...enrollments };
}

describe('enrollments', () => {
  it('lists devices, never user channels, by id', async () => {
    const { edges } = await page({ first: 3 });
    expect(edges.map(({ node }) => node)).toEqual([
      { enrollmentId: 'DEVICE-00', udid: 'DEVICE-00', serialNumber: 'SN0' },
      { enrollmentId: 'DEVICE-01', udid: 'DEVICE-01', serialNumber: 'SN1' },
      { enrollmentId: 'DEVICE-02', udid: 'DEVICE-02', serialNumber: 'SN2' },
    ]);
    expect(await dataOf(ask(server, token, counted, { first: 3 }))).toEqual({
      enrollments: { totalCount: 60, totalCountIsEstimate: false },
    });
  });

  it('pages forwards and backwards to the same list', async () => {
    const forwards: string[] = [];
    for (let after: string | null = null; ; ) {
      const { ids, pageInfo } = await page({ first: 7, after });
      forwards.push(...ids);
      if (!pageInfo.hasNextPage) break;
      after = pageInfo.endCursor;
    }
    const backwards: string[] = [];
    for (let before: string | null = null; ; ) {
      const { ids, pageInfo } = await page({ last: 9, before });
      backwards.unshift(...ids);
      if (!pageInfo.hasPreviousPage) break;
      before = pageInfo.startCursor;
    }
    expect(forwards).toHaveLength(60);
    expect(new Set(forwards).size).toBe(60);
    expect(backwards).toEqual(forwards);
  });

  it('finds by composed filters', async () => {
    const { ids } = await page({
      filter: {
        and: [{ enabled: true }, { not: { serialNumbers: ['SN0', 'SN2'] } }],
        or: [{ ids: ['DEVICE-04'] }, { serialNumbers: ['SN2', 'SN6', 'SN7'] }],
      },
    });
    expect(ids).toEqual(['DEVICE-04', 'DEVICE-06']);
  });

  it('counts only as far as it is exact, and then says so', async () => {
    const { pool } = server;
    await pool.query(
      `insert into enrollment (id, tenant_id, kind)
       select 'MANY-' || n, 7, 'DEVICE' from generate_series(1, 10050) n`,
    );
    await pool.query('analyze enrollment');
    const many = await server.token({ tenant: 7 });
    const { enrollments } = await dataOf(ask(server, many.token, counted, { first: 1 }));
    expect(enrollments.totalCountIsEstimate).toBe(true);
    expect(enrollments.totalCount).toBeGreaterThan(10_000);
    expect(enrollments.totalCount).toBeLessThan(11_000);
    await pool.query('delete from enrollment where tenant_id = 7');
  });

  it.each<[ListedDevicesQueryVariables, string, string[]]>([
    [{ first: 101 }, 'PAGE_SIZE', ['first']],
    [{ first: -1 }, 'PAGE_SIZE', ['first']],
    [{ first: 1, last: 1 }, 'FIRST_AND_LAST', ['last']],
    [{ after: 'nonsense' }, 'CURSOR_INVALID', ['after']],
    [{ filter: { ids: ['a\0b'] } }, 'NOT_A_TEXT', ['filter', 'ids', '0']],
  ])('refuses %j as %s', async (variables, code, argumentPath) => {
    const { errors } = await ask(server, token, listed, variables);
    expect(errors?.[0]?.extensions).toMatchObject({ code, argumentPath });
  });

  it('never takes a cursor of another list', async () => {
    const document = graphql(`
      query QueueCursor {
        enrollment(udid: "DEVICE-00") {
          queue(first: 1) {
            pageInfo {
              endCursor
            }
          }
        }
      }
    `);
    const { enrollment } = await dataOf(ask(server, token, document));
    const after = enrollment?.queue.pageInfo.endCursor ?? null;
    expect(after).toEqual(expect.any(String));
    const { errors } = await ask(server, token, listed, { after });
    expect(errors?.[0]?.extensions['code']).toBe('CURSOR_INVALID');
  });

  it('costs as many statements for fifty devices as for one, with all that is below', async () => {
    const document = graphql(`
      query DevicesWithEverything($first: Int!) {
        enrollments(first: $first) {
          edges {
            node {
              enrollmentId
              lastSeenAt
              userChannels {
                edges {
                  node {
                    enrollmentId
                    device {
                      serialNumber
                    }
                  }
                }
              }
              queue {
                edges {
                  node {
                    state
                    command {
                      uuid
                    }
                  }
                }
              }
              results(last: 5) {
                edges {
                  node {
                    status
                    decoded
                    command {
                      requestType
                    }
                    enrollment {
                      enrollmentId
                      lastSeenAt
                    }
                  }
                }
              }
            }
          }
        }
      }
    `);
    await dataOf(ask(server, token, document, { first: 1 }));
    const forOne = server.statements.length;
    server.statements.length = 0;
    const { enrollments } = await dataOf(ask(server, token, document, { first: 50 }));
    expect(enrollments.edges).toHaveLength(50);
    expect(enrollments.edges[49]?.node).toMatchObject({
      queue: { edges: [{}, {}, {}] },
      results: { edges: [{ node: { decoded: { Status: 'Acknowledged' } } }, {}] },
      userChannels: { edges: [{ node: { device: { serialNumber: 'SN49' } } }] },
    });
    expect(server.statements).toHaveLength(forOne);
    expect(forOne).toBeLessThan(20);
  });

  it('reads no raw bytes for fields that do not show them', async () => {
    const document = graphql(`
      query DevicesWithoutBytes {
        enrollments {
          edges {
            node {
              enrollmentId
              results {
                edges {
                  node {
                    status
                    command {
                      uuid
                    }
                  }
                }
              }
            }
          }
        }
      }
    `);
    await dataOf(ask(server, token, document));
    const selected = server.statements.join('\n');
    expect(selected).toContain('command_result');
    expect(selected).not.toMatch(/"?(unlock_token|bootstrap_token|body|push_magic)"?\b/);
    expect(selected).not.toMatch(/r\.result\b/);
  });
});

const named = graphql(`
  query NamedEnrollment($id: ID, $udid: String, $enrollmentId: String) {
    enrollment(id: $id, udid: $udid, enrollmentId: $enrollmentId) {
      __typename
      id
      enrollmentId
      ... on UserChannel {
        device {
          enrollmentId
        }
      }
    }
  }
`);

const nodes = graphql(`
  query Nodes($id: ID!, $ids: [ID!]!) {
    node(id: $id) {
      __typename
      id
    }
    nodes(ids: $ids) {
      __typename
      id
    }
  }
`);

describe('one enrolment', () => {
  it('is found by its global id, its UDID and its natural id', async () => {
    const device = await dataOf(ask(server, token, named, { udid: 'DEVICE-03' }));
    const user = await dataOf(ask(server, token, named, { enrollmentId: 'DEVICE-03:USER-A' }));
    const none = await dataOf(ask(server, token, named, { udid: 'DEVICE-03:USER-A' }));
    expect(none).toEqual({ enrollment: null });
    expect(user.enrollment).toMatchObject({
      __typename: 'UserChannel',
      device: { enrollmentId: 'DEVICE-03' },
    });
    const ids = [user.enrollment?.id ?? '', device.enrollment?.id ?? ''];
    const [id = ''] = ids;
    expect(await dataOf(ask(server, token, named, { id }))).toEqual(user);
    expect(await dataOf(ask(server, token, nodes, { id, ids }))).toEqual({
      node: { id, __typename: 'UserChannel' },
      nodes: [
        { id, __typename: 'UserChannel' },
        { id: ids[1], __typename: 'DeviceEnrollment' },
      ],
    });
  });

  it('is asked for by exactly one name', async () => {
    for (const names of [{ udid: 'a', enrollmentId: 'b' }, {}]) {
      const { errors } = await ask(server, token, named, names);
      expect(errors?.[0]?.extensions['code']).toBe('ONE_NAME');
    }
  });

  it('of another tenant is not there, by whatever name', async () => {
    const document = graphql(`
      query GlobalIds {
        enrollment(udid: "DEVICE-00") {
          id
          results(first: 1) {
            edges {
              node {
                id
                command {
                  id
                }
              }
            }
          }
        }
      }
    `);
    const { enrollment } = await dataOf(ask(server, token, document));
    const id = enrollment?.id ?? '';
    const ids = [
      id,
      ...(enrollment?.results.edges ?? []).flatMap(({ node }) => [node.id, node.command?.id ?? '']),
    ];
    expect(ids).toHaveLength(3);
    const own = await dataOf(ask(server, token, nodes, { id, ids }));
    expect(own.nodes.map((node) => node?.id)).toEqual(ids);

    const stranger = await server.token({ tenant: 2 });
    expect(await dataOf(ask(server, stranger.token, nodes, { id, ids }))).toEqual({
      node: null,
      nodes: [null, null, null],
    });
    for (const name of [{ id }, { udid: 'DEVICE-00' }, { enrollmentId: 'DEVICE-00' }]) {
      expect(await dataOf(ask(server, stranger.token, named, name))).toEqual({ enrollment: null });
    }
    expect((await page({}, stranger.token)).ids).toEqual(['ELSEWHERE']);
    const everywhere = await server.token({ tenant: null });
    const { ids: found } = await page({ filter: { serialNumbers: ['SN1'] } }, everywhere.token);
    expect(found).toEqual(['DEVICE-01', 'ELSEWHERE']);
  });
});

describe('a serial number', () => {
  const bySerial = graphql(`
    query DeviceBySerial($serialNumber: String!) {
      enrollment(serialNumber: $serialNumber) {
        __typename
        enrollmentId
      }
    }
  `);
  const found = async (serialNumber: string, as = token) =>
    (await dataOf(ask(server, as, bySerial, { serialNumber }))).enrollment?.enrollmentId ?? null;

  it('finds its device; of several that have it, the one that was made last and is the viewer’s', async () => {
    const { token: everywhere } = await server.token({ tenant: null });
    expect(await found('SN3')).toBe('DEVICE-03');
    expect(await found('sn3')).toBeNull();
    // Another tenant's was made later.
    expect(await found('SN1')).toBe('DEVICE-01');
    expect(await found('SN1', everywhere)).toBe('ELSEWHERE');
    // After a repair: the same device under another UDID.
    await anEnrollment(server.pool, { id: 'A-REPAIRED', serialNumber: 'SN3' });
    await anEnrollment(server.pool, { id: 'A-REPAIRED:USER', device: 'A-REPAIRED' });
    expect(await found('SN3')).toBe('A-REPAIRED');
    await server.pool.query(`delete from enrollment where id = 'A-REPAIRED:USER'`);
    await server.pool.query(`delete from enrollment where id = 'A-REPAIRED'`);
  });
});
