import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { graphql } from '../../generated/gql/gql.ts';
import type { CommandFilterInput, TargetState } from '../../generated/gql/graphql.ts';
import { ask, dataOf } from './ask.ts';
import { type GraphServer, startGraph } from './graph-server.ts';
import { aResult, aStoredCommand, anEnrollment, anEntry } from './rows.ts';

const ofTargets = graphql(`
  query CountedTargets($uuid: String!, $states: [TargetState!]) {
    command(uuid: $uuid) {
      targets(states: $states, first: 1) {
        totalCount
        totalCountIsEstimate
      }
      results(first: 1) {
        totalCount
        totalCountIsEstimate
      }
    }
  }
`);

const ofCommands = graphql(`
  query CountedCommands($filter: CommandFilterInput) {
    commands(filter: $filter, first: 1) {
      totalCount
      totalCountIsEstimate
    }
  }
`);

const ofDevices = graphql(`
  query CountedQueues($first: Int, $state: QueueState, $states: [TargetState!]) {
    enrollments(first: $first, filter: { serialNumbers: ["COUNTED"] }) {
      edges {
        node {
          queue(state: $state, first: 1) {
            totalCount
            totalCountIsEstimate
          }
          results(states: $states, first: 1) {
            totalCount
            totalCountIsEstimate
          }
        }
      }
    }
  }
`);

const uncounted = graphql(`
  query UncountedTargets($uuid: String!) {
    command(uuid: $uuid) {
      targets {
        edges {
          cursor
        }
      }
    }
  }
`);

const ended = ['CANCELLED', 'CLEARED', 'EXPIRED', 'UNENROLLED', 'RE_ENROLLED', 'MOVED'] as const;
const exactly = (totalCount: number) => ({ totalCount, totalCountIsEstimate: false });
const about = (totalCount: number) => ({ totalCount, totalCountIsEstimate: true });

let server: GraphServer;
let token: string;
let everywhere: string;
let key: string;
let bulkKey: string;

beforeAll(async () => {
  server = await startGraph();
  ({ token } = await server.token());
  ({ token: everywhere } = await server.token({ tenant: null }));
  const { pool } = server;
  const command = await aStoredCommand(pool, { uuid: 'few' });
  ({ key } = command);
  const device = async (id: string, tenant = 1) => ({
    id,
    key: await anEnrollment(pool, { id, tenant, serialNumber: 'COUNTED' }),
  });
  for (const n of [1, 2, 3]) await anEntry(pool, (await device(`WAITS-${n}`)).key, key);
  const late = await device('PUT-OFF');
  await anEntry(pool, late.key, key);
  await pool.query('update queue_entry set not_now_at = now() where enrollment_key = $1', [
    late.key,
  ]);
  await aResult(server, await device('DONE'), command);
  await aResult(server, await device('FAILED'), command, { Status: 'Error' });
  for (const state of ended) {
    // Whoever was moved is another tenant's now.
    const { key: at } = await device(state, state === 'MOVED' ? 2 : 1);
    await pool.query(
      `insert into command_result (enrollment_key, command_key, ended, queued_at)
       values ($1, $2, $3, now())`,
      [at, key, state],
    );
  }
  await pool.query(
    `insert into command_refusal (command_key, enrollment_key, tenant_id, rule)
     values ($1, $2, 1, 'NOT_ENABLED')`,
    [key, (await device('REFUSED')).key],
  );

  ({ key: bulkKey } = await aStoredCommand(pool, { uuid: 'bulk', requestType: 'Bulk' }));
  await pool.query(
    `with made as (
       insert into enrollment (id, tenant_id, kind, enabled)
       select 'BULK-' || n, 1, 'DEVICE', true from generate_series(1, 25000) n returning key
     ), placed as (select key, row_number() over (order by key) as place from made),
     waiting as (
       insert into queue_entry (enrollment_key, urgency, command_key, not_now_at)
       select key, 0, $1, case when place <= 50 then now() end from placed where place <= 12050
     )
     insert into command_result (enrollment_key, command_key, ended, status, queued_at)
     select key, $1, 'ANSWERED', 'Acknowledged', now() from placed where place > 12050`,
    [bulkKey],
  );
  await pool.query('update command set target_count = 25000 where key = $1', [bulkKey]);
  await pool.query(
    `insert into command_count (command_key, tenant_id, not_now, acknowledged)
     values ($1, 1, 50, 12950)`,
    [bulkKey],
  );
}, 120_000);
afterAll(() => server.stop());
beforeEach(() => {
  server.statements.length = 0;
});

async function targetsOf(uuid: string, states: TargetState[] | null = null, as = token) {
  const { command } = await dataOf(ask(server, as, ofTargets, { uuid, states }));
  return command?.targets;
}

describe('the number of a command’s targets', () => {
  it('is that of those that the viewer sees', async () => {
    expect(await targetsOf('few')).toEqual(exactly(12));
    expect(await targetsOf('few', null, everywhere)).toEqual(exactly(13));
    expect(await targetsOf('few', ['MOVED'])).toEqual(exactly(0));
    expect(await targetsOf('few', ['MOVED'], everywhere)).toEqual(exactly(1));
    const { token: foreign } = await server.token({ tenant: 2 });
    expect(await targetsOf('few', null, foreign)).toBeUndefined();
  });

  it.each([
    ['PENDING', 3],
    ['NOT_NOW', 1],
    ['ACKNOWLEDGED', 1],
    ['ERROR', 1],
    ['REFUSED', 1],
    ['CANCELLED', 1],
    ['RE_ENROLLED', 1],
  ] as const)('is told of those in the state %s', async (state, count) => {
    expect(await targetsOf('few', [state])).toEqual(exactly(count));
    expect(await targetsOf('few', [state, 'EXPIRED'])).toEqual(exactly(count + 1));
  });

  it('counts each once while it moves from the queue to history', async () => {
    const client = await server.pool.connect();
    try {
      await client.query('begin');
      await client.query(
        `with gone as (delete from queue_entry q using enrollment e
           where q.command_key = $1 and e.key = q.enrollment_key and e.id = 'WAITS-1'
           returning q.enrollment_key)
         insert into command_result (enrollment_key, command_key, ended, status, queued_at)
         select enrollment_key, $1, 'ANSWERED', 'Acknowledged', now() from gone`,
        [key],
      );
      expect(await targetsOf('few')).toEqual(exactly(12));
      expect(await targetsOf('few', ['PENDING'])).toEqual(exactly(3));
      await client.query('commit');
    } finally {
      client.release();
    }
    expect(await targetsOf('few')).toEqual(exactly(12));
    expect(await targetsOf('few', ['PENDING'])).toEqual(exactly(2));
    expect(await targetsOf('few', ['ACKNOWLEDGED'])).toEqual(exactly(2));
  });

  it('beyond 10,000 is what the projector has counted', async () => {
    expect(await targetsOf('bulk')).toEqual(about(25_000));
    expect(await targetsOf('bulk', ['PENDING'])).toEqual(about(12_000));
    expect(await targetsOf('bulk', ['NOT_NOW'])).toEqual(exactly(50));
    expect(await targetsOf('bulk', ['ACKNOWLEDGED'])).toEqual(about(12_950));
    // Behind for a moment: never less than was seen.
    await server.pool.query('update command_count set acknowledged = 7 where command_key = $1', [
      bulkKey,
    ]);
    expect(await targetsOf('bulk', ['ACKNOWLEDGED'])).toEqual(about(10_001));
  });

  it('is not counted unless it is asked for', async () => {
    await dataOf(ask(server, token, uncounted, { uuid: 'few' }));
    expect(server.statements.join()).not.toContain('count(*)');
  });
});

describe('the number of results of a command', () => {
  it('is that of those that the viewer sees', async () => {
    const results = async (uuid: string, as = token) =>
      (await dataOf(ask(server, as, ofTargets, { uuid, states: null }))).command?.results;
    expect(await results('few')).toEqual(exactly(8));
    expect(await results('few', everywhere)).toEqual(exactly(9));
    const bulk = await results('bulk');
    expect(bulk?.totalCountIsEstimate).toBe(true);
    expect(bulk?.totalCount).toBeGreaterThan(10_000);
  });
});

describe('the number of entries of a queue and of its history', () => {
  it('is told for each enrolment of a page, in as many statements as for one', async () => {
    const devices = async (first: number, more: object = {}) =>
      (await dataOf(ask(server, token, ofDevices, { first, ...more }))).enrollments.edges.map(
        ({ node }) => [node.queue.totalCount, node.results.totalCount],
      );
    const statements = async (first: number) => {
      server.statements.length = 0;
      await devices(first);
      return server.statements.length;
    };
    const all = await devices(50);
    expect(all).toHaveLength(12);
    expect(all.reduce((sum, [queue = 0]) => sum + queue, 0)).toBe(3);
    expect(all.reduce((sum, [, results = 0]) => sum + results, 0)).toBe(8);
    const putOff = await devices(50, { state: 'NOT_NOW', states: ['ERROR'] });
    expect(putOff.filter(([queue]) => queue === 1)).toHaveLength(1);
    expect(putOff.filter(([, results]) => results === 1)).toHaveLength(1);
    expect(await statements(50)).toBe(await statements(1));
  });
});

describe('the number of commands', () => {
  const commands = async (filter: CommandFilterInput | null, as = token) =>
    (await dataOf(ask(server, as, ofCommands, { filter }))).commands;

  it('is that of what the filter finds, for the viewer', async () => {
    await aStoredCommand(server.pool, { tenant: 2 });
    expect(await commands(null)).toEqual(exactly(2));
    expect(await commands(null, everywhere)).toEqual(exactly(3));
    expect(await commands({ requestTypes: ['Bulk'] })).toEqual(exactly(1));
    expect(await commands({ state: 'OPEN' })).toEqual(exactly(2));
    expect(await commands({ state: 'OPEN', requestTypes: ['Bulk'] })).toEqual(exactly(1));
    expect(await commands({ state: 'FINISHED' })).toEqual(exactly(0));
    expect(await commands({ createdBy: 'nobody' })).toEqual(exactly(0));
  });

  it('beyond 10,000 is what the database guesses', async () => {
    await server.pool.query(
      `with made as (
         insert into command (uuid, tenant_id, request_type, body, body_fingerprint, targets_sha256,
           created_by)
         select 'many-' || n, 1, 'Many', '', '', '', 'token:many' from generate_series(1, 10400) n
         returning key
       )
       insert into queue_entry (enrollment_key, urgency, command_key)
       select (select min(enrollment_key) from queue_entry), 0, key from made`,
    );
    await server.pool.query('analyze command');
    await server.pool.query('analyze queue_entry');
    for (const filter of [null, { requestTypes: ['Many'] }, { state: 'OPEN' } as const]) {
      const { totalCount, totalCountIsEstimate } = await commands(filter);
      expect(totalCountIsEstimate).toBe(true);
      expect(totalCount).toBeGreaterThan(10_000);
      expect(totalCount).toBeLessThan(11_500);
    }
    expect(await commands({ state: 'FINISHED' })).toEqual(exactly(0));
  });
});
