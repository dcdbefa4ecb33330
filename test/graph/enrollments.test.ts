import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask } from './ask.ts';
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

async function idsOf(args: string, as = token) {
  const { data, errors } = await ask(
    server,
    as,
    `{ enrollments${args} { edges { cursor node { enrollmentId } } pageInfo { hasNextPage hasPreviousPage } } }`,
  );
  expect(errors).toBeUndefined();
  const { edges, pageInfo } = data.enrollments;
  return {
    ids: edges.map((edge: { node: { enrollmentId: string } }) => edge.node.enrollmentId),
    cursors: edges.map((edge: { cursor: string }) => edge.cursor),
    pageInfo,
  };
}

describe('enrollments', () => {
  it('lists devices, never user channels, by id', async () => {
    const { data } = await ask(
      server,
      token,
      '{ enrollments(first: 3) { totalCount totalCountIsEstimate edges { node { id enrollmentId udid serialNumber } } } }',
    );
    expect(data.enrollments.totalCount).toBe(60);
    expect(data.enrollments.totalCountIsEstimate).toBe(false);
    expect(data.enrollments.edges.map((edge: { node: object }) => edge.node)).toMatchObject([
      { enrollmentId: 'DEVICE-00', udid: 'DEVICE-00', serialNumber: 'SN0' },
      { enrollmentId: 'DEVICE-01' },
      { enrollmentId: 'DEVICE-02' },
    ]);
  });

  it('pages forwards and backwards to the same list', async () => {
    const forwards: string[] = [];
    let after = '';
    for (;;) {
      const page = await idsOf(`(first: 7${after})`);
      forwards.push(...page.ids);
      if (!page.pageInfo.hasNextPage) break;
      after = `, after: "${page.cursors.at(-1)}"`;
    }
    const backwards: string[] = [];
    let before = '';
    for (;;) {
      const page = await idsOf(`(last: 9${before})`);
      backwards.unshift(...page.ids);
      if (!page.pageInfo.hasPreviousPage) break;
      before = `, before: "${page.cursors.at(0)}"`;
    }
    expect(forwards).toHaveLength(60);
    expect(new Set(forwards).size).toBe(60);
    expect(backwards).toEqual(forwards);
  });

  it('finds by composed filters', async () => {
    const { ids } = await idsOf(
      '(filter: { and: [{ enabled: true }, { not: { serialNumbers: ["SN0", "SN2"] } }], or: [{ ids: ["DEVICE-04"] }, { serialNumbers: ["SN2", "SN6", "SN7"] }] })',
    );
    expect(ids).toEqual(['DEVICE-04', 'DEVICE-06']);
  });

  it('counts only as far as it is exact, and then says so', async () => {
    const { pool } = server;
    await pool.query(
      `insert into enrollment (id, tenant_id, kind) select 'MANY-' || n, 7, 'DEVICE' from generate_series(1, 10050) n`,
    );
    await pool.query('analyze enrollment');
    const many = await server.token({ tenant: 7 });
    const { data } = await ask(
      server,
      many.token,
      '{ enrollments(first: 1) { totalCount totalCountIsEstimate } }',
    );
    expect(data.enrollments.totalCountIsEstimate).toBe(true);
    expect(data.enrollments.totalCount).toBeGreaterThan(10_000);
    expect(data.enrollments.totalCount).toBeLessThan(11_000);
    await pool.query('delete from enrollment where tenant_id = 7');
  });

  it.each([
    ['(first: 101)', 'PAGE_SIZE', ['first']],
    ['(first: -1)', 'PAGE_SIZE', ['first']],
    ['(first: 1, last: 1)', 'FIRST_AND_LAST', ['last']],
    ['(after: "nonsense")', 'CURSOR_INVALID', ['after']],
    ['(filter: { ids: ["a\\u0000b"] })', 'NOT_A_TEXT', ['filter', 'ids', '0']],
  ])('refuses %s as %s', async (args, code, argumentPath) => {
    const { errors } = await ask(server, token, `{ enrollments${args} { totalCount } }`);
    expect(errors?.[0]?.extensions).toMatchObject({ code, argumentPath });
  });

  it('never takes a cursor of another list', async () => {
    const { data } = await ask(
      server,
      token,
      '{ enrollment(udid: "DEVICE-00") { queue(first: 1) { pageInfo { endCursor } } } }',
    );
    const cursor = data.enrollment.queue.pageInfo.endCursor;
    const { errors } = await ask(
      server,
      token,
      `{ enrollments(after: "${cursor}") { totalCount } }`,
    );
    expect(errors?.[0]?.extensions['code']).toBe('CURSOR_INVALID');
  });

  it('costs as many statements for fifty devices as for one, queues and results included', async () => {
    const query = (first: number) => `{
      enrollments(first: ${first}) { edges { node {
        enrollmentId lastSeenAt
        userChannels { edges { node { enrollmentId device { serialNumber } } } }
        queue { edges { node { state command { uuid } } } }
        results(last: 5) { edges { node { status decoded command { requestType } enrollment { enrollmentId lastSeenAt } } } }
      } } }
    }`;
    await ask(server, token, query(1));
    const forOne = server.statements.length;
    server.statements.length = 0;
    const { data, errors } = await ask(server, token, query(50));
    expect(errors).toBeUndefined();
    expect(data.enrollments.edges).toHaveLength(50);
    expect(data.enrollments.edges[49].node).toMatchObject({
      queue: { edges: [{}, {}, {}] },
      results: { edges: [{ node: { decoded: { Status: 'Acknowledged' } } }, {}] },
      userChannels: { edges: [{ node: { device: { serialNumber: 'SN49' } } }] },
    });
    expect(server.statements).toHaveLength(forOne);
    expect(forOne).toBeLessThan(20);
  });

  it('reads no raw bytes for fields that do not show them', async () => {
    await ask(
      server,
      token,
      '{ enrollments { edges { node { enrollmentId results { edges { node { status command { uuid } } } } } } } }',
    );
    const selected = server.statements.join('\n');
    expect(selected).not.toMatch(/"?(unlock_token|bootstrap_token|body|push_magic)"?\b/);
    expect(selected).not.toMatch(/r\.result\b/);
  });
});

describe('one enrolment', () => {
  it('is found by its global id, its UDID and its natural id', async () => {
    const byName = await ask(
      server,
      token,
      `{ a: enrollment(udid: "DEVICE-03") { id } b: enrollment(enrollmentId: "DEVICE-03:USER-A") {
        __typename id ... on UserChannel { device { enrollmentId } } } none: enrollment(udid: "DEVICE-03:USER-A") { id } }`,
    );
    expect(byName.data.none).toBeNull();
    expect(byName.data.b).toMatchObject({
      __typename: 'UserChannel',
      device: { enrollmentId: 'DEVICE-03' },
    });
    const ids = [byName.data.b.id, byName.data.a.id];
    const again = await ask(
      server,
      token,
      `query ($ids: [ID!]!, $id: ID!) { enrollment(id: $id) { enrollmentId } node(id: $id) { id ... on UserChannel { enrollmentId } }
         nodes(ids: $ids) { id __typename } }`,
      { ids, id: ids[0] },
    );
    expect(again.data).toEqual({
      enrollment: { enrollmentId: 'DEVICE-03:USER-A' },
      node: { id: ids[0], enrollmentId: 'DEVICE-03:USER-A' },
      nodes: [
        { id: ids[0], __typename: 'UserChannel' },
        { id: ids[1], __typename: 'DeviceEnrollment' },
      ],
    });
  });

  it('is asked for by exactly one name', async () => {
    const { errors } = await ask(server, token, '{ enrollment(udid: "a", enrollmentId: "b") { id } }');
    expect(errors?.[0]?.extensions['code']).toBe('ONE_NAME');
  });

  it('of another tenant is not there, by whatever name', async () => {
    const stranger = await server.token({ tenant: 2 });
    const { data } = await ask(server, token, '{ enrollment(udid: "DEVICE-00") { id results { edges { node { id command { id } } } } } }');
    const [{ node: result }] = data.enrollment.results.edges;
    const seen = await ask(
      server,
      stranger.token,
      `query ($ids: [ID!]!, $id: ID!) {
        enrollment(id: $id) { id }
        byUdid: enrollment(udid: "DEVICE-00") { id }
        nodes(ids: $ids) { id }
        enrollments { totalCount edges { node { enrollmentId } } }
      }`,
      { id: data.enrollment.id, ids: [data.enrollment.id, result.id, result.command.id] },
    );
    expect(seen.errors).toBeUndefined();
    expect(seen.data).toEqual({
      enrollment: null,
      byUdid: null,
      nodes: [null, null, null],
      enrollments: { totalCount: 1, edges: [{ node: { enrollmentId: 'ELSEWHERE' } }] },
    });
    const everywhere = await server.token({ tenant: null });
    expect((await idsOf('(filter: { serialNumbers: ["SN1"] })', everywhere.token)).ids).toEqual([
      'DEVICE-01',
      'ELSEWHERE',
    ]);
  });
});
