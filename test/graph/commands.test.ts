import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../../generated/gql/gql.ts';
import type { CommandFilterInput, TargetState } from '../../generated/gql/graphql.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { resultPlace } from '../../server/mdm/queue/deliver.ts';
import { ask, dataOf } from './ask.ts';
import { type GraphServer, startGraph } from './graph-server.ts';
import { aResult, aStoredCommand, anEnrollment, anEntry } from './rows.ts';

const list = graphql(`
  query ListedCommands($filter: CommandFilterInput, $first: Int, $after: String, $last: Int) {
    commands(filter: $filter, first: $first, after: $after, last: $last) {
      edges {
        cursor
        node {
          uuid
        }
      }
      pageInfo {
        hasNextPage
        hasPreviousPage
        endCursor
      }
    }
  }
`);

const targets = graphql(`
  query TargetsOfCommand($uuid: String!, $states: [TargetState!], $first: Int, $after: String) {
    command(uuid: $uuid) {
      targets(states: $states, first: $first, after: $after) {
        edges {
          node {
            enrollmentId
            state
            status
            rule
            endedAt
            result {
              commandUuid
              status
            }
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

const nested = graphql(`
  query NestedQueues {
    enrollments(first: 50) {
      edges {
        node {
          queue(state: PENDING) {
            edges {
              node {
                commandUuid
                priority
                command {
                  createdBy
                }
              }
            }
          }
          results(states: [ACKNOWLEDGED]) {
            edges {
              node {
                commandUuid
                decoded
                command {
                  createdBy
                }
              }
            }
          }
          strayReports {
            edges {
              node {
                commandUuid
                decoded
              }
            }
          }
        }
      }
    }
  }
`);

const nestedTargets = graphql(`
  query NestedTargets($first: Int!) {
    commands(first: $first) {
      edges {
        node {
          targets {
            edges {
              node {
                state
                enrollment {
                  enrollmentId
                }
                result {
                  status
                }
              }
            }
          }
        }
      }
    }
  }
`);

const strays = graphql(`
  query Strays($udid: String!) {
    enrollment(udid: $udid) {
      strayReports {
        edges {
          node {
            commandUuid
            status
            raw
            decoded
          }
        }
      }
    }
  }
`);

let server: GraphServer;
let token: string;
beforeAll(async () => {
  server = await startGraph();
  const scopes = ['enrollments:read', 'commands:read'] as const;
  ({ token } = await server.token({ scopes }));
});
afterAll(() => server.stop());

const listed = async (
  variables: {
    readonly filter?: CommandFilterInput;
    readonly first?: number;
    readonly after?: string | null;
    readonly last?: number;
  },
  as = token,
) => {
  const { commands } = await dataOf(ask(server, as, list, variables));
  return { uuids: commands.edges.map(({ node }) => node.uuid), ...commands.pageInfo };
};

describe('commands', () => {
  const uuids: string[] = [];
  const keys: string[] = [];
  let device: string;

  beforeAll(async () => {
    const { pool } = server;
    device = await anEnrollment(pool, { id: 'LISTED' });
    for (let number = 0; number < 9; number += 1) {
      const requestType = number % 3 === 0 ? 'SecurityInfo' : 'ProfileList';
      const { key, uuid } = await aStoredCommand(pool, { uuid: `listed-${number}`, requestType });
      uuids.push(uuid);
      keys.push(key);
      await pool.query('update command set created_at = $2, created_by = $3 where key = $1', [
        key,
        `2026-11-2${number}T12:00:00Z`,
        number < 4 ? 'token:early' : 'token:late',
      ]);
      if (number % 4 === 0) await anEntry(pool, device, key);
    }
    await aStoredCommand(pool, { uuid: 'foreign', tenant: 2 });
  });

  it('are listed newest first, page by page in both directions, another tenant’s never', async () => {
    const expected = uuids.toReversed();
    const seen: string[] = [];
    for (let after: string | null = null, more = true; more; ) {
      const page: Awaited<ReturnType<typeof listed>> = await listed({ first: 4, after });
      seen.push(...page.uuids);
      more = page.hasNextPage;
      after = page.endCursor;
    }
    expect(seen).toEqual(expected);
    expect(await listed({ last: 2 })).toMatchObject({
      uuids: expected.slice(-2),
      hasPreviousPage: true,
    });
    const { token: all } = await server.token({ tenant: null });
    expect((await listed({}, all)).uuids).toEqual(['foreign', ...expected]);
  });

  it.each<[string, CommandFilterInput, readonly number[]]>([
    ['RequestType', { requestTypes: ['SecurityInfo'] }, [6, 3, 0]],
    [
      'several RequestTypes',
      { requestTypes: ['SecurityInfo', 'ProfileList'] },
      [8, 7, 6, 5, 4, 3, 2, 1, 0],
    ],
    ['maker', { createdBy: 'token:early' }, [3, 2, 1, 0]],
    [
      'time',
      { createdFrom: '2026-11-23T12:00:00Z', createdBefore: '2026-11-25T12:00:00Z' },
      [4, 3],
    ],
    ['being open', { state: 'OPEN' }, [8, 4, 0]],
    ['being finished', { state: 'FINISHED' }, [7, 6, 5, 3, 2, 1]],
    [
      'all of these',
      { state: 'OPEN', createdBy: 'token:late', requestTypes: ['ProfileList'] },
      [8, 4],
    ],
    ['what nothing has', { createdBy: 'token:nobody', state: 'OPEN' }, []],
  ])('are found by %s', async (_by, filter, expected) => {
    expect((await listed({ filter })).uuids).toEqual(expected.map((number) => `listed-${number}`));
  });

  it('of a time are in the order of times, page by page, also those that were taken over later', async () => {
    const times = { createdFrom: '2025-01-01T00:00:00Z', createdBefore: '2025-01-08T12:00:00Z' };
    const key = new Map<string, string>();
    for (const day of [3, 5, 1, 7, 5, 9]) {
      const uuid = `taken-over-${day}-${key.size}`;
      const stored = await aStoredCommand(server.pool, { uuid, requestType: 'TakenOver' });
      key.set(uuid, stored.key);
      await server.pool.query('update command set created_at = $2 where key = $1', [
        stored.key,
        `2025-01-0${day}T12:00:00Z`,
      ]);
    }
    const expected = ['7-3', '5-4', '5-1', '3-0', '1-2'].map((name) => `taken-over-${name}`);
    const { token: all } = await server.token({ tenant: null });
    for (const as of [token, all]) {
      for (const more of [{}, { requestTypes: ['TakenOver', 'ProfileList'] }]) {
        const filter = { ...times, ...more };
        const first = await listed({ filter, first: 2 }, as);
        const rest = await listed({ filter, first: 3, after: first.endCursor }, as);
        expect([...first.uuids, ...rest.uuids]).toEqual(expected);
        expect(rest.hasNextPage).toBe(false);
        const last = await listed({ filter, last: 2 }, as);
        expect(last).toMatchObject({ uuids: expected.slice(3), hasPreviousPage: true });
      }
    }
    // A cursor from before it told the time.
    const old = (uuid: string) =>
      Buffer.from(JSON.stringify(['commands', key.get(uuid)])).toString('base64url');
    const behind = await listed({ filter: times, first: 9, after: old('taken-over-5-1') });
    expect(behind.uuids).toEqual(expected.slice(3));
    const { uuids: all9 } = await listed({ filter: times, first: 9, after: old('taken-over-9-5') });
    expect(all9).toEqual(expected);
    await server.pool.query(`delete from command where request_type = 'TakenOver'`);
  });

  it('that are open page on over those that have ended meanwhile', async () => {
    const first = await listed({ filter: { state: 'OPEN' }, first: 1 });
    expect(first).toMatchObject({ uuids: ['listed-8'], hasNextPage: true });
    await server.pool.query('delete from queue_entry where command_key = $1', [keys[8]]);
    const rest = await listed({ filter: { state: 'OPEN' }, first: 2, after: first.endCursor });
    expect(rest).toMatchObject({ uuids: ['listed-4', 'listed-0'], hasNextPage: false });
    expect((await listed({ filter: { state: 'OPEN' }, last: 1 })).uuids).toEqual(['listed-0']);
  });

  it('are not listed by an empty list, which could mean anything', async () => {
    const answer = await ask(server, token, list, { filter: { requestTypes: [] } });
    expect(answer.errors?.[0]?.extensions['code']).toBe('EMPTY_LIST');
  });
});

describe('the targets of a command', () => {
  const uuid = 'with-targets';
  const ids = Array.from({ length: 10 }, (_, at) => `TARGET-${at}`);
  const enrollmentKeys: string[] = [];
  let key: string;
  const states: readonly TargetState[] = [
    'PENDING',
    'NOT_NOW',
    'ACKNOWLEDGED',
    'ERROR',
    'REFUSED',
    'CANCELLED',
    'CLEARED',
    'EXPIRED',
    'UNENROLLED',
    'RE_ENROLLED',
  ];

  beforeAll(async () => {
    const { pool } = server;
    const command = await aStoredCommand(pool, { uuid });
    ({ key } = command);
    for (const id of ids) enrollmentKeys.push(await anEnrollment(pool, { id }));
    const at = (place: number) => ({ id: ids[place] ?? '', key: enrollmentKeys[place] ?? '' });
    await anEntry(pool, at(0).key, key);
    await anEntry(pool, at(1).key, key);
    await pool.query('update queue_entry set not_now_at = now() where enrollment_key = $1', [
      at(1).key,
    ]);
    await aResult(server, at(2), command);
    await aResult(server, at(3), command, { Status: 'CommandFormatError' });
    await pool.query(
      `insert into command_refusal (command_key, enrollment_key, tenant_id, rule)
       values ($1, $2, 1, 'NOT_ENABLED')`,
      [key, at(4).key],
    );
    for (const place of [5, 6, 7, 8, 9]) {
      await pool.query(
        `insert into command_result (enrollment_key, command_key, ended, queued_at)
         values ($1, $2, $3, now())`,
        [at(place).key, key, states[place]],
      );
    }
  });

  const shown = async (variables: {
    readonly states?: TargetState[];
    readonly first?: number;
    readonly after?: string | null;
  }) => {
    const { command } = await dataOf(ask(server, token, targets, { uuid, ...variables }));
    if (!command) throw new Error('no command');
    return {
      nodes: command.targets.edges.map(({ node }) => node),
      ...command.targets.pageInfo,
    };
  };

  it('are shown from queue, history and refusals as one list', async () => {
    const { nodes } = await shown({});
    expect(nodes.map((node) => [node.enrollmentId, node.state])).toEqual(
      ids.map((id, at) => [id, states[at]]),
    );
    expect(nodes[3]).toMatchObject({ status: 'CommandFormatError', result: { commandUuid: uuid } });
    expect(nodes[4]).toMatchObject({ rule: 'NOT_ENABLED', result: null });
    expect(nodes[0]).toMatchObject({ endedAt: null, result: null });
  });

  it.each(states.map((state, at) => [state, at] as const))(
    'are found by the state %s',
    async (state, at) => {
      const { nodes } = await shown({ states: [state] });
      expect(nodes.map((node) => node.enrollmentId)).toEqual([ids[at]]);
    },
  );

  it('are found by several states, through an index by command', async () => {
    const wanted: TargetState[] = ['ERROR', 'PENDING', 'REFUSED'];
    const { nodes } = await shown({ states: wanted });
    expect(nodes.map((node) => node.enrollmentId)).toEqual([ids[0], ids[3], ids[4]]);
    const { pool } = server;
    const client = await pool.connect();
    try {
      await client.query('begin');
      await client.query('set local enable_seqscan = off');
      const plan = await client.query<{ 'QUERY PLAN': string }>(
        `explain select r.enrollment_key from command_result r where r.command_key = 1
         and (r.ended = 'ANSWERED' and r.status <> 'Acknowledged') order by r.enrollment_key limit 3`,
      );
      const text = plan.rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(text).toContain('command_result_unhappy_idx');
      expect(text).not.toContain('Sort');
    } finally {
      await client.query('rollback');
      client.release();
    }
  });

  it('are each shown once, though they move while one pages', async () => {
    const seen: string[] = [];
    let { nodes, endCursor, hasNextPage } = await shown({ first: 3 });
    seen.push(...nodes.map((node) => node.enrollmentId));
    // One that was seen ends, and one that was not is put off and ends.
    await server.pool.query(
      `with gone as (delete from queue_entry where command_key = $1 returning *)
       insert into command_result (enrollment_key, command_key, ended, status, queued_at)
       select enrollment_key, command_key, 'ANSWERED', 'Acknowledged', now() from gone`,
      [key],
    );
    while (hasNextPage) {
      ({ nodes, endCursor, hasNextPage } = await shown({ first: 3, after: endCursor ?? null }));
      seen.push(...nodes.map((node) => node.enrollmentId));
    }
    expect(seen).toEqual(ids);
  });
});

describe('what is nested', () => {
  it('costs as many statements for fifty enrolments as for one', async () => {
    const { pool } = server;
    const devices = [];
    for (let number = 100; number < 150; number += 1) {
      const id = `A-NESTED-${number}`;
      devices.push({ id, key: await anEnrollment(pool, { id }) });
    }
    const statementsFor = async (run: () => Promise<unknown>) => {
      server.statements.length = 0;
      await run();
      return server.statements.length;
    };
    for (let round = 0; round < 2; round += 1) {
      for (const device of devices) {
        await anEntry(pool, device.key, (await aStoredCommand(pool)).key);
        await aResult(server, device, await aStoredCommand(pool));
      }
    }
    const forFifty = await statementsFor(() => dataOf(ask(server, token, nested)));
    // Enrolments and their rows, queues, results, strays, the commands of both, the reports.
    expect(forFifty).toBeLessThanOrEqual(9);
    const one = await statementsFor(() => dataOf(ask(server, token, nestedTargets, { first: 1 })));
    const many = await statementsFor(() =>
      dataOf(ask(server, token, nestedTargets, { first: 50 })),
    );
    expect(many).toBeLessThanOrEqual(5);
    expect(one).toBeLessThanOrEqual(many);
  });
});

describe('a stray report', () => {
  it('is shown, its secrets to secrets:read alone, and that is audited', async () => {
    const { pool, keyring } = server;
    const id = 'STRAYING';
    const key = await anEnrollment(pool, { id });
    const bytes = buildPlist({
      CommandUUID: 'never-had',
      Status: 'Error',
      UnlockToken: Buffer.from('planted'),
    });
    await pool.query(
      `insert into stray_report (enrollment_key, command_uuid, status, result)
       values ($1, 'never-had', 'Error', $2)`,
      [key, keyring.seal(resultPlace(id, 'never-had'), bytes)],
    );
    const shown = async (as: string) => {
      const { enrollment } = await dataOf(ask(server, as, strays, { udid: id }));
      const node = enrollment?.strayReports.edges[0]?.node;
      return { ...node, raw: Buffer.from(node?.raw ?? '', 'base64') };
    };
    const masked = await shown(token);
    expect(masked).toMatchObject({
      commandUuid: 'never-had',
      status: 'Error',
      decoded: { Status: 'Error', UnlockToken: '<redacted>' },
    });
    expect(masked.raw.toString()).not.toContain(Buffer.from('planted').toString('base64'));
    const trusted = await server.token();
    expect((await shown(trusted.token)).raw).toEqual(bytes);
    const { rows } = await pool.query(
      `select details from audit_entry where action = 'readSecret' and details ->> 'commandUuid' = $1`,
      ['never-had'],
    );
    expect(rows).toHaveLength(1);
  });
});
