import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { graphql } from '../../generated/gql/gql.ts';
import { systemClock } from '../../server/model/clock.ts';
import { buildCommand } from '../../server/protocol/messages/command.ts';
import { searchIndex } from '../../server/store/read/search-index.ts';
import { searchIndexEvery } from '../../server/store/search-index.ts';
import { gate } from '../apns/waits.ts';
import { dbCommand } from '../db/db-command.ts';
import { ask, dataOf } from '../graph/ask.ts';
import {
  databaseLanes,
  serverLane,
  emptyDatabase,
  type TestDatabase,
  testDatabase,
} from '../harness/database.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { push } from '../push/documents.ts';

const listed = graphql(`
  query SearchedDevices($filter: EnrollmentFilterInput) {
    enrollments(filter: $filter) {
      totalCount
      edges {
        node {
          enrollmentId
        }
      }
    }
  }
`);

const meant = graphql(`
  mutation SearchedTargets($input: EnqueueCommandInput!) {
    enqueueCommand(input: $input) {
      __typename
      ... on Error {
        code
      }
      ... on EnqueueCommandPayload {
        queuedCount
        replayed
      }
    }
  }
`);

const tagged = graphql(`
  mutation SearchedAndTagged($input: TagEnrollmentsInput!) {
    tagEnrollments(input: $input) {
      __typename
      ... on TagEnrollmentsPayload {
        targetCount
        enrollments {
          enrollmentId
        }
      }
    }
  }
`);

/** Ids with names: what is searched stands at the beginning, inside or nowhere. */
const devices: Readonly<Record<string, string>> = {
  'AA-1': "Berlin's first",
  'AA-2': 'Old berlin',
  'AA-3': '100%_sure\\really',
  'BERLIN-4': 'Somewhere',
  'BB-5': '100 sure really',
};

/** By a connection of its own, which is not taken for a server's. */
async function insertDevices({ url }: TestDatabase): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  for (const [id, name] of Object.entries(devices)) {
    await client.query(
      `insert into enrollment (id, tenant_id, kind, enabled, serial_number, device_name)
       values ($1, 1, 'DEVICE', true, 'SER-' || $1, $2)`,
      [id, name],
    );
  }
  await client.query("insert into tenant (id, name) values (2, 'other')");
  await client.query(
    `insert into enrollment (id, tenant_id, kind, enabled, device_name)
     values ('ELSEWHERE', 2, 'DEVICE', true, 'West-Berlin')`,
  );
  await client.end();
}

async function find(server: TestServer, search: string): Promise<readonly string[]> {
  const graph = { url: `${server.url}/graphql` };
  const { enrollments } = await dataOf(ask(graph, adminToken, listed, { filter: { search } }));
  const ids = enrollments.edges.map(({ node }) => node.enrollmentId);
  expect(enrollments.totalCount).toBe(ids.length);
  return ids;
}

/** Whom a command that wipes would reach, or does. */
async function wipe(server: TestServer, search: string, expectedCount: number | null) {
  const graph = { url: `${server.url}/graphql` };
  const plist = buildCommand('EraseDevice', {}, `erase-${expectedCount}`).toString();
  const { enqueueCommand } = await dataOf(
    ask(graph, adminToken, meant, {
      input: {
        targets: { filter: { search } },
        channels: 'DEVICE',
        command: { plist },
        push: false,
        force: false,
        priority: 0,
        validateOnly: expectedCount === null,
        expectedCount,
      },
    }),
  );
  return enqueueCommand.__typename === 'EnqueueCommandPayload'
    ? enqueueCommand.queuedCount
    : 'code' in enqueueCommand && enqueueCommand.code;
}

const locked = buildCommand('DeviceLock', {}, 'lock-berlin').toString();

/** Asks for a command and for a push to whom a text finds, by a key each; the command also without one. */
async function askOnce(server: TestServer) {
  const graph = { url: `${server.url}/graphql` };
  const targets = { filter: { not: { not: { search: 'berlin-' } } } };
  const input = { targets, channels: 'DEVICE', validateOnly: false } as const;
  const command = {
    ...{ ...input, command: { plist: locked }, expectedCount: 1 },
    ...{ push: false, force: false, priority: 0 },
  };
  const { enqueueCommand } = await dataOf(
    ask(graph, adminToken, meant, { input: { ...command, idempotencyKey: 'lock' } }),
  );
  const again = await dataOf(ask(graph, adminToken, meant, { input: command }));
  const { pushEnrollments } = await dataOf(
    ask(graph, adminToken, push, { input: { ...input, idempotencyKey: 'push' } }),
  );
  return [enqueueCommand, again.enqueueCommand, pushEnrollments];
}

describe.each(databaseLanes())('search (%s)', (lane) => {
  let store: TestDatabase;
  let server: TestServer;
  /** Runs the look for the extension now, and waits until it is done. */
  let look: () => Promise<void>;

  beforeAll(async () => {
    store = await testDatabase(lane);
    await insertDevices(store);
    let due = (): void => {};
    let planned = gate();
    server = await startServer({
      store,
      clock: {
        now: systemClock.now,
        setTimer(ms, run) {
          if (ms !== searchIndexEvery * 1_000) return systemClock.setTimer(ms, run);
          due = run;
          planned.open();
          return () => {};
        },
      },
    });
    // The first look is at the start.
    await planned.opened;
    look = async () => {
      planned = gate();
      due();
      await planned.opened;
    };
  });
  afterAll(async () => {
    await server.stop();
    await store.drop();
  });

  it('finds beginnings as long as the database has no pg_trgm', async () => {
    await look();
    expect(await find(server, 'berlin')).toEqual(['AA-1', 'BERLIN-4']);
    expect(await find(server, '%')).toEqual([]);
    expect(await wipe(server, 'berlin', null)).toBe(2);
    expect(await askOnce(server)).toEqual([
      expect.objectContaining({ queuedCount: 1, replayed: false }),
      expect.objectContaining({ queuedCount: 1, replayed: true }),
      expect.objectContaining({ targetCount: 1, replayed: false }),
    ]);
  });

  it('is not built by two: neither drops what the other makes', async () => {
    const { graph } = store.database;
    await graph.query(`create index ${searchIndex} on enrollment (device_name)`);
    await graph.query('update pg_index set indisvalid = false where indexrelid = $1::regclass', [
      searchIndex,
    ]);
    await graph.query('create extension pg_trgm');
    // What is left of an earlier attempt goes when nobody reads any more; until then somebody waits.
    const reader = await graph.connect();
    await reader.query('begin; select from enrollment');
    const dropped = graph.query(`drop index concurrently if exists ${searchIndex}`);
    const waiting = `select from pg_stat_activity where wait_event_type = 'Lock' and query like 'drop index%'`;
    while ((await graph.query(waiting)).rows.length === 0);
    await look();
    await reader.query('commit');
    reader.release();
    await dropped;
    expect(await find(server, 'berlin')).toEqual(['AA-1', 'BERLIN-4']);
  });

  it('finds what stands inside texts once it has, without another start', async () => {
    expect(await find(server, 'berlin')).toEqual(['AA-1', 'BERLIN-4']);
    await look();
    expect(await find(server, 'berlin')).toEqual(['AA-1', 'AA-2', 'BERLIN-4', 'ELSEWHERE']);
    expect(await find(server, 'ERLIN-4')).toEqual(['BERLIN-4']);
    expect(await find(server, 'er-bb')).toEqual(['BB-5']);
    expect(server.log).toContainEqual(
      expect.objectContaining({
        msg: 'search finds what stands inside texts from now on',
      }),
    );
  });

  it('takes what was asked for before for the same, and answers it once more', async () => {
    expect(await askOnce(server)).toEqual([
      expect.objectContaining({ queuedCount: 1, replayed: true }),
      expect.objectContaining({ queuedCount: 1, replayed: true }),
      expect.objectContaining({ targetCount: 1, replayed: true }),
    ]);
  });

  it('takes every character as it is', async () => {
    expect(await find(server, '0%_S')).toEqual(['AA-3']);
    expect(await find(server, '_sure')).toEqual(['AA-3']);
    expect(await find(server, 'e\\r')).toEqual(['AA-3']);
    expect(await find(server, '0 sure')).toEqual(['BB-5']);
    expect(await find(server, '%%%')).toEqual([]);
    // Never over the end of one text into the next, nor a tenant by its mark.
    for (const text of ['1\u0001ser', '\u0001\u0001\u0001', '\u0001TC\u0001']) {
      expect(await find(server, text)).toEqual([]);
    }
  });

  it('of less than three characters finds beginnings still', async () => {
    expect(await find(server, 'be')).toEqual(['AA-1', 'BERLIN-4']);
    expect(await find(server, 'rl')).toEqual([]);
  });

  it('means the same in mutations and in their dry runs', async () => {
    const graph = { url: `${server.url}/graphql` };
    const { tagEnrollments } = await dataOf(
      ask(graph, adminToken, tagged, {
        input: {
          targets: { filter: { search: 'lin' } },
          channels: 'ALL',
          tags: ['found'],
          validateOnly: false,
        },
      }),
    );
    expect(tagEnrollments).toMatchObject({
      targetCount: 4,
      enrollments: ['AA-1', 'AA-2', 'BERLIN-4', 'ELSEWHERE'].map((enrollmentId) => ({
        enrollmentId,
      })),
    });
    expect(await wipe(server, 'd berlin', null)).toBe(1);
    // The dry run was made when only beginnings were found.
    expect(await wipe(server, 'ld berlin', 0)).toBe('TARGETS_CHANGED');
    expect(await wipe(server, 'd berlin', 1)).toBe(1);
  });

  it('finds beginnings again without the extension, and makes a spoilt index anew', async () => {
    const { graph } = store.database;
    await graph.query(`update pg_index set indisvalid = false where indexrelid = $1::regclass`, [
      searchIndex,
    ]);
    expect(await find(server, 'rlin')).toEqual([]);
    await look();
    expect(await find(server, 'rlin')).toHaveLength(4);
    await graph.query('drop extension pg_trgm cascade');
    expect(await find(server, 'rlin')).toEqual([]);
    expect(await find(server, 'berlin')).toEqual(['AA-1', 'BERLIN-4']);
  });
});

describe('npm run db -- search-inside', () => {
  const lane = serverLane();
  it('has texts searched inside, which a copy of the database knows nothing of', async () => {
    const [store, copied] = [await testDatabase(lane), await emptyDatabase(lane)];
    onTestFinished(async () => {
      await store.drop();
      await copied.drop();
    });
    await insertDevices(store);
    const added = await dbCommand('search-inside', '--in', store.url);
    expect(added).toMatchObject({ status: 0, stderr: expect.stringContaining('from now on') });
    expect(await dbCommand('search-inside', '--in', store.url)).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('there already'),
    });
    const first = await startServer({ store });
    expect(await find(first, 'rlin')).toHaveLength(4);
    await first.stop();

    const moved = await dbCommand('copy', '--from', store.url, '--to', copied.url);
    expect(moved).toMatchObject({ status: 0 });
    const second = await startServer({ store: copied });
    onTestFinished(() => second.stop());
    expect(await find(second, 'rlin')).toEqual([]);
    expect(await find(second, 'berlin')).toEqual(['AA-1', 'BERLIN-4']);
    await dbCommand('search-inside', '--in', copied.url);
    expect(await find(second, 'rlin')).toHaveLength(4);
  });
});
