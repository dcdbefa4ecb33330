import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../../generated/gql/gql.ts';
import type { PagedResultsQueryVariables } from '../../generated/gql/graphql.ts';
import { ask, dataOf } from './ask.ts';
import { type GraphServer, startGraph } from './graph-server.ts';
import { aResult, aStoredCommand, anEnrollment, anEntry } from './rows.ts';

let server: GraphServer;
let token: string;
const id = 'A-DEVICE';
let key: string;

beforeAll(async () => {
  server = await startGraph();
  ({ token } = await server.token({
    scopes: ['enrollments:read', 'commands:read', 'commands:write', 'events:read'],
  }));
  key = await anEnrollment(server.pool, { id });
});

afterAll(() => server.stop());

const resultOfCommand = graphql(`
  query ResultOfCommand($uuid: String!) {
    command(uuid: $uuid) {
      id
      results {
        edges {
          node {
            id
            enrollmentId
            status
            ended
            raw
            decoded
            errorChain {
              errorCode
              errorDomain
              localizedDescription
              usEnglishDescription
            }
          }
        }
      }
    }
  }
`);

async function resultOf(uuid: string, as = token) {
  const { command } = await dataOf(ask(server, as, resultOfCommand, { uuid }));
  const result = command?.results.edges[0]?.node;
  if (!command || !result) throw new Error('no result');
  return { ...result, commandId: command.id, bytes: Buffer.from(result.raw ?? '', 'base64') };
}

const pagedQueue = graphql(`
  query PagedQueue($udid: String!, $first: Int, $after: String) {
    enrollment(udid: $udid) {
      queue(first: $first, after: $after) {
        edges {
          cursor
          node {
            commandUuid
            state
            notNowTally
            notNowAt
          }
        }
        pageInfo {
          hasNextPage
        }
      }
    }
  }
`);

const pagedResults = graphql(`
  query PagedResults($last: Int, $before: String) {
    enrollment(udid: "MANY-RESULTS") {
      results(last: $last, before: $before) {
        edges {
          node {
            commandUuid
          }
        }
        pageInfo {
          hasNextPage
          hasPreviousPage
          startCursor
        }
      }
    }
  }
`);

const resultNodes = graphql(`
  query ResultNodes($ids: [ID!]!) {
    nodes(ids: $ids) {
      id
      ... on CommandResult {
        enrollmentId
        commandUuid
      }
      ... on Command {
        uuid
      }
    }
  }
`);

describe('a queue', () => {
  it('is shown in the order of delivery, and pages on when what a cursor names has gone', async () => {
    const { pool } = server;
    const queueKey = await anEnrollment(pool, { id: 'WITH-QUEUE' });
    const commands = [];
    for (const urgency of [1, 0, 0, 1]) {
      const command = await aStoredCommand(pool);
      await anEntry(pool, queueKey, command.key, urgency);
      commands.push(command);
    }
    const [late, first, second, last] = commands.map(({ uuid }) => uuid);
    const page = async (after: string | null) => {
      const { enrollment } = await dataOf(
        ask(server, token, pagedQueue, { udid: 'WITH-QUEUE', first: 2, after }),
      );
      const edges = enrollment?.queue.edges ?? [];
      return {
        uuids: edges.map(({ node }) => node.commandUuid),
        cursor: edges[1]?.cursor ?? null,
        hasNextPage: enrollment?.queue.pageInfo.hasNextPage,
      };
    };
    const start = await page(null);
    expect(start).toMatchObject({ uuids: [first, second], hasNextPage: true });
    await pool.query('delete from queue_entry where enrollment_key = $1 and urgency = 0', [
      queueKey,
    ]);
    expect(await page(start.cursor)).toMatchObject({ uuids: [late, last], hasNextPage: false });
  });

  it('tells what was put off', async () => {
    const { pool } = server;
    const queueKey = await anEnrollment(pool, { id: 'NOT-NOW' });
    await anEntry(pool, queueKey, (await aStoredCommand(pool)).key);
    await pool.query(
      'update queue_entry set not_now_at = now(), not_now_tally = 3 where enrollment_key = $1',
      [queueKey],
    );
    const { enrollment } = await dataOf(ask(server, token, pagedQueue, { udid: 'NOT-NOW' }));
    expect(enrollment?.queue.edges[0]?.node).toMatchObject({
      state: 'NOT_NOW',
      notNowTally: 3,
      notNowAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
  });
});

describe('a result', () => {
  it('is shown as sent and decoded, with its types kept', async () => {
    const command = await aStoredCommand(server.pool, { requestType: 'DeviceInformation' });
    const report = {
      Status: 'Acknowledged',
      QueryResponses: {
        DeviceCapacity: 128,
        Large: 2n ** 60n,
        Token: Buffer.from('abc'),
        When: new Date('2026-11-23T08:00:00Z'),
        $data: 'a key',
      },
    };
    const bytes = await aResult(server, { key, id }, command, report);
    const shown = await resultOf(command.uuid);
    expect(shown).toMatchObject({ status: 'Acknowledged', ended: 'ANSWERED', enrollmentId: id });
    expect(shown.bytes).toEqual(bytes);
    expect(shown.decoded).toEqual({
      CommandUUID: command.uuid,
      Status: 'Acknowledged',
      QueryResponses: {
        DeviceCapacity: 128,
        Large: '1152921504606846976',
        Token: { $data: 'YWJj' },
        When: { $date: '2026-11-23T08:00:00.000Z' },
        $$data: 'a key',
      },
    });
  });

  it('tells why a device could not', async () => {
    const command = await aStoredCommand(server.pool);
    await aResult(server, { key, id }, command, {
      Status: 'Error',
      ErrorChain: [
        {
          ErrorCode: 12021,
          ErrorDomain: 'MCMDMErrorDomain',
          LocalizedDescription: 'Unbekannt',
          USEnglishDescription: 'Unknown command',
        },
        { ErrorCode: 'twelve' },
      ],
    });
    expect(await resultOf(command.uuid)).toMatchObject({
      errorChain: [
        {
          errorCode: 12021,
          errorDomain: 'MCMDMErrorDomain',
          localizedDescription: 'Unbekannt',
          usEnglishDescription: 'Unknown command',
        },
        {
          errorCode: null,
          errorDomain: null,
          localizedDescription: null,
          usEnglishDescription: null,
        },
      ],
    });
  });

  it.each(['RequestUnlockToken', 'SomethingApplesSchemaDoesNotKnow'])(
    'of %s shows its secrets to secrets:read alone',
    async (requestType) => {
      const secret = 'planted-secret-of-a-device';
      const command = await aStoredCommand(server.pool, { requestType });
      await aResult(server, { key, id }, command, {
        Status: 'Acknowledged',
        UnlockToken: Buffer.from(secret),
      });
      const base64 = Buffer.from(secret).toString('base64');
      const shown = await resultOf(command.uuid);
      expect(shown.bytes.toString()).toContain('&lt;redacted&gt;');
      expect(shown.decoded).toMatchObject({ Status: 'Acknowledged', UnlockToken: '<redacted>' });
      const text = JSON.stringify(shown) + shown.bytes.toString();
      expect(text).not.toContain(secret);
      expect(text).not.toContain(base64);
      const trusted = await server.token();
      const open = await resultOf(command.uuid, trusted.token);
      expect(open.decoded).toMatchObject({ UnlockToken: { $data: base64 } });
      expect(open.bytes.toString()).toContain(base64);
    },
  );

  it('that is no property list shows its bytes, and nothing decoded', async () => {
    const command = await aStoredCommand(server.pool);
    await aResult(server, { key, id }, command);
    const sealed = server.keyring.seal(
      { table: 'command_result', column: 'result', row: `${id}/${command.uuid}` },
      Buffer.from('<plist>cut'),
    );
    await server.pool.query('update command_result set result = $1 where command_key = $2', [
      sealed,
      command.key,
    ]);
    expect(await resultOf(command.uuid)).toMatchObject({
      raw: Buffer.from('<plist>cut').toString('base64'),
      decoded: null,
      errorChain: null,
    });
  });

  it('is the same object by its global id, whatever characters the names hold', async () => {
    const odd = { id: 'an "odd" / id:é', key: '' };
    odd.key = await anEnrollment(server.pool, { id: odd.id });
    const command = await aStoredCommand(server.pool, { uuid: 'uuid with "quotes" / and: more' });
    await aResult(server, odd, command);
    const shown = await resultOf(command.uuid);
    const ids = [shown.id, shown.commandId];
    expect(await dataOf(ask(server, token, resultNodes, { ids }))).toEqual({
      nodes: [
        { id: ids[0], enrollmentId: odd.id, commandUuid: command.uuid },
        { id: ids[1], uuid: command.uuid },
      ],
    });
  });

  it('pages backwards from the newest', async () => {
    const { pool } = server;
    const many = { id: 'MANY-RESULTS', key: '' };
    many.key = await anEnrollment(pool, { id: many.id });
    const uuids: string[] = [];
    for (let number = 0; number < 7; number += 1) {
      const command = await aStoredCommand(pool);
      await aResult(server, many, command);
      uuids.push(command.uuid);
    }
    const page = async (variables: PagedResultsQueryVariables) => {
      const { enrollment } = await dataOf(ask(server, token, pagedResults, variables));
      if (!enrollment) throw new Error('no enrolment');
      const { edges, pageInfo } = enrollment.results;
      return { uuids: edges.map(({ node }) => node.commandUuid), pageInfo };
    };
    const newest = await page({ last: 3 });
    expect(newest.uuids).toEqual(uuids.slice(4));
    expect(newest.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    const before = await page({ last: 10, before: newest.pageInfo.startCursor });
    expect(before.uuids).toEqual(uuids.slice(0, 4));
    expect(before.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
  });
});
