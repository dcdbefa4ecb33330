import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from './ask.ts';
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

const resultOf = async (uuid: string, fields: string, as = token) => {
  const { data, errors } = await ask(
    server,
    as,
    `{ command(uuid: "${uuid}") { results { edges { node { ${fields} } } } } }`,
  );
  expect(errors).toBeUndefined();
  return data.command.results.edges[0].node;
};

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
    const page = async (args: string) => {
      const { data } = await ask(
        server,
        token,
        `{ enrollment(udid: "WITH-QUEUE") { queue${args} { edges { cursor node { commandUuid state } } pageInfo { hasNextPage } } } }`,
      );
      return data.enrollment.queue;
    };
    const start = await page('(first: 2)');
    const uuids = (edges: { node: { commandUuid: string } }[]) =>
      edges.map(({ node }) => node.commandUuid);
    expect(uuids(start.edges)).toEqual([first, second]);
    expect(start.pageInfo.hasNextPage).toBe(true);
    await pool.query('delete from queue_entry where enrollment_key = $1 and urgency = 0', [queueKey]);
    const rest = await page(`(first: 2, after: "${start.edges[1].cursor}")`);
    expect(uuids(rest.edges)).toEqual([late, last]);
    expect(rest.pageInfo.hasNextPage).toBe(false);
  });

  it('tells what was put off', async () => {
    const { pool } = server;
    const queueKey = await anEnrollment(pool, { id: 'NOT-NOW' });
    await anEntry(pool, queueKey, (await aStoredCommand(pool)).key);
    await pool.query(
      'update queue_entry set not_now_at = now(), not_now_tally = 3 where enrollment_key = $1',
      [queueKey],
    );
    const { data } = await ask(
      server,
      token,
      '{ enrollment(udid: "NOT-NOW") { queue { edges { node { state notNowTally notNowAt } } } } }',
    );
    expect(data.enrollment.queue.edges[0].node).toMatchObject({ state: 'NOT_NOW', notNowTally: 3 });
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
    const shown = await resultOf(command.uuid, 'raw decoded status ended answeredAt enrollmentId');
    expect(shown).toMatchObject({ status: 'Acknowledged', ended: 'ANSWERED', enrollmentId: id });
    expect(Buffer.from(shown.raw, 'base64')).toEqual(bytes);
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
    expect(
      await resultOf(
        command.uuid,
        'errorChain { errorCode errorDomain localizedDescription usEnglishDescription }',
      ),
    ).toEqual({
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
      const shown = await resultOf(command.uuid, 'raw decoded');
      expect(Buffer.from(shown.raw, 'base64').toString()).toContain('&lt;redacted&gt;');
      expect(shown.decoded).toMatchObject({ Status: 'Acknowledged', UnlockToken: '<redacted>' });
      const text = JSON.stringify(shown) + Buffer.from(shown.raw, 'base64').toString();
      expect(text).not.toContain(secret);
      expect(text).not.toContain(Buffer.from(secret).toString('base64'));
      const trusted = await server.token();
      const open = await resultOf(command.uuid, 'decoded raw', trusted.token);
      expect(open.decoded.UnlockToken).toEqual({ $data: Buffer.from(secret).toString('base64') });
      expect(Buffer.from(open.raw, 'base64').toString()).toContain(
        Buffer.from(secret).toString('base64'),
      );
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
    expect(await resultOf(command.uuid, 'raw decoded errorChain { errorCode }')).toEqual({
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
    const { data } = await ask(
      server,
      token,
      'query ($uuid: String!) { command(uuid: $uuid) { id results { edges { node { id } } } } }',
      { uuid: command.uuid },
    );
    const ids = [data.command.results.edges[0].node.id, data.command.id];
    const again = await ask(
      server,
      token,
      'query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on CommandResult { enrollmentId commandUuid } ... on Command { uuid } } }',
      { ids },
    );
    expect(again.data.nodes).toEqual([
      { id: ids[0], enrollmentId: odd.id, commandUuid: command.uuid },
      { id: ids[1], uuid: command.uuid },
    ]);
  });

  it('pages the same forwards and backwards, by enrolment and by command', async () => {
    const { pool } = server;
    const many = { id: 'MANY-RESULTS', key: '' };
    many.key = await anEnrollment(pool, { id: many.id });
    const uuids: string[] = [];
    for (let number = 0; number < 7; number += 1) {
      const command = await aStoredCommand(pool);
      await aResult(server, many, command);
      uuids.push(command.uuid);
    }
    const page = async (args: string) => {
      const { data } = await ask(
        server,
        token,
        `{ enrollment(udid: "MANY-RESULTS") { results${args} { edges { cursor node { commandUuid } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }`,
      );
      const { edges, pageInfo } = data.enrollment.results;
      return {
        uuids: edges.map((edge: { node: { commandUuid: string } }) => edge.node.commandUuid),
        pageInfo,
      };
    };
    const newest = await page('(last: 3)');
    expect(newest.uuids).toEqual(uuids.slice(4));
    expect(newest.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    const before = await page(`(last: 10, before: "${newest.pageInfo.startCursor}")`);
    expect(before.uuids).toEqual(uuids.slice(0, 4));
    expect(before.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
  });
});
