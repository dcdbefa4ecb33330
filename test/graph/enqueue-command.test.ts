import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../../generated/gql/gql.ts';
import type {
  Channels,
  EnqueueCommandInput,
  EnrollmentFilterInput,
  TargetsInput,
} from '../../generated/gql/graphql.ts';
import { numberEvents } from '../../server/store/events/number.ts';
import { aCommand } from '../build/commands.ts';
import { ask, askText, dataOf } from './ask.ts';
import { type GraphServer, startGraph } from './graph-server.ts';
import { anEnrollment } from './rows.ts';

let server: GraphServer;
let token: string;

beforeAll(async () => {
  server = await startGraph();
  ({ token } = await server.token());
  const { pool } = server;
  await pool.query("insert into tenant (id, name) values (2, 'other')");
  for (const id of ['A', 'B', 'C']) await anEnrollment(pool, { id, serialNumber: `SN-${id}` });
  await anEnrollment(pool, { id: 'A:USER', device: 'A' });
  await anEnrollment(pool, { id: 'GONE', enabled: false });
  await anEnrollment(pool, { id: 'FOREIGN', tenant: 2 });
});

afterAll(() => server.stop());

const mutation = graphql(`
  mutation EnqueueACommand($input: EnqueueCommandInput!) {
    enqueueCommand(input: $input) {
      __typename
      ... on Error {
        message
        code
        path
      }
      ... on EnqueueCommandPayload {
        commandUuid
        requestType
        queuedCount
        replayed
        validateOnly
        cursor
        command {
          uuid
          raw
          targetCount
        }
        targets {
          edges {
            node {
              enrollmentId
            }
          }
        }
        refused {
          edges {
            node {
              id
              code
              message
            }
          }
        }
      }
    }
  }
`);

async function enqueue(input: EnqueueCommandInput, as = token) {
  return (await dataOf(ask(server, as, mutation, { input }))).enqueueCommand;
}

async function enqueued(input: EnqueueCommandInput) {
  const answer = await enqueue(input);
  if (answer.__typename !== 'EnqueueCommandPayload') throw new Error(answer.message);
  return answer;
}

const namedQueue = graphql(`
  query NamedQueue($udid: String!) {
    enrollment(udid: $udid) {
      id
      queue {
        edges {
          node {
            commandUuid
            state
          }
        }
      }
    }
  }
`);

const plist = (requestType?: string) => aCommand(randomUUID(), requestType);

describe('enqueueCommand', () => {
  it('queues for natural and global ids, and tells which it refused', async () => {
    const { enrollment } = await dataOf(ask(server, token, namedQueue, { udid: 'B' }));
    const xml = aCommand('the-uuid');
    const answer = await enqueued({
      targets: { ids: ['A', enrollment?.id ?? '', 'NOBODY', 'GONE', 'FOREIGN'] },
      command: { plist: xml },
    });
    expect(answer).toMatchObject({
      __typename: 'EnqueueCommandPayload',
      commandUuid: 'the-uuid',
      requestType: 'ProfileList',
      queuedCount: 2,
      replayed: false,
      command: { uuid: 'the-uuid', targetCount: 2 },
      targets: { edges: [{ node: { enrollmentId: 'A' } }, { node: { enrollmentId: 'B' } }] },
    });
    expect(Buffer.from(answer.command?.raw ?? '', 'base64').toString()).toBe(xml);
    const refused = answer.refused.edges.map(({ node }) => node);
    expect(refused).toMatchObject([
      { id: 'FOREIGN', code: 'UNKNOWN_ENROLLMENT' },
      { id: 'GONE', code: 'NOT_ENABLED' },
      { id: 'NOBODY', code: 'UNKNOWN_ENROLLMENT' },
    ]);
    const { enrollment: device } = await dataOf(ask(server, token, namedQueue, { udid: 'A' }));
    expect(device?.queue.edges).toContainEqual({
      node: { commandUuid: 'the-uuid', state: 'PENDING' },
    });
  });

  /** Asks with a text that selects what it likes. */
  async function selecting(selection: string, input: EnqueueCommandInput, fragments = '') {
    const { data, errors } = await askText(
      server,
      token,
      `mutation ($input: EnqueueCommandInput!) {
         enqueueCommand(input: $input) { ... on EnqueueCommandPayload { queuedCount ${selection} } }
       } ${fragments}`,
      { input },
    );
    expect(errors).toBeUndefined();
    return data;
  }

  it.each<[string, TargetsInput, string[]]>([
    ['ids', { ids: ['GONE', 'B', 'NOBODY', 'A'] }, ['A', 'B']],
    ['a filter', { filter: { serialNumbers: ['SN-A', 'SN-C'] } }, ['A', 'C']],
  ])('queues for %s all the same when nobody asks for the targets', async (_name, targets, ids) => {
    const uuid = randomUUID();
    const input = { targets, command: { plist: aCommand(uuid) } };
    expect(await selecting('refusedCount', input)).toEqual({
      enqueueCommand: { queuedCount: 2, refusedCount: 'ids' in targets ? 2 : 0 },
    });
    const { rows } = await server.pool.query<{ place: string; id: string }>(
      `select 'queue' as place, e.id from queue_entry join enrollment e on e.key = enrollment_key
         join command c on c.key = command_key where c.uuid = $1
       union all
       select rule, e.id from command_refusal r join enrollment e on e.key = enrollment_key
         join command c on c.key = command_key where c.uuid = $1
       order by 1, 2`,
      [uuid],
    );
    expect(rows).toEqual([
      ...('ids' in targets ? [{ place: 'NOT_ENABLED', id: 'GONE' }] : []),
      ...ids.map((id) => ({ place: 'queue', id })),
    ]);
  });

  it('tells the targets also to who asks under another name, in a fragment of a fragment', async () => {
    const targets = { filter: { serialNumbers: ['SN-B'] } };
    const answer = await selecting(
      '...Outer',
      { targets, command: { plist: plist() } },
      `fragment Outer on EnqueuePayload { ...Inner }
       fragment Inner on EnqueuePayload { whom: targets { nodes: edges { node { enrollmentId } } } }`,
    );
    expect(answer).toEqual({
      enqueueCommand: { queuedCount: 1, whom: { nodes: [{ node: { enrollmentId: 'B' } }] } },
    });
  });

  it('tells them to who asks only when it repeats its idempotency key', async () => {
    const targets = { filter: { serialNumbers: ['SN-B'] } };
    const input = { targets, command: { plist: plist() }, idempotencyKey: randomUUID() };
    await selecting('replayed', input);
    expect(await enqueued(input)).toMatchObject({
      replayed: true,
      targets: { edges: [{ node: { enrollmentId: 'B' } }] },
    });
  });

  it('means device channels unless `channels` says otherwise', async () => {
    const reached = async (channels?: Channels) => {
      const answer = await enqueued({
        targets: { filter: { serialNumbers: ['SN-A'] } },
        validateOnly: true,
        command: { plist: plist() },
        ...(channels && { channels }),
      });
      return answer.targets.edges.map(({ node }) => node.enrollmentId);
    };
    expect(await reached()).toEqual(['A']);
    expect(await reached('USER')).toEqual(['A:USER']);
    expect(await reached('ALL')).toEqual(['A', 'A:USER']);
  });

  it('with validateOnly queues nothing', async () => {
    const uuid = randomUUID();
    const answer = await enqueue({
      targets: { all: true },
      command: { plist: aCommand(uuid, 'EraseDevice') },
      validateOnly: true,
    });
    expect(answer).toMatchObject({ queuedCount: 3, validateOnly: true, command: null });
    const { rowCount } = await server.pool.query('select 1 from command where uuid = $1', [uuid]);
    expect(rowCount).toBe(0);
  });

  it.each<[string, TargetsInput, string, unknown]>([
    ['no ids', { ids: [] }, 'EMPTY_LIST', ['input', 'targets', 'ids']],
    ['an empty id', { ids: ['A', ''] }, 'NOT_AN_ID', ['input', 'targets', 'ids', '1']],
    ['all: false', { all: false }, 'NO_TARGETS', ['input', 'targets', 'all']],
    ['an empty filter', { filter: {} }, 'EMPTY_FILTER', ['input', 'targets', 'filter']],
    ['an empty and', { filter: { and: [] } }, 'EMPTY_LIST', ['input', 'targets', 'filter', 'and']],
    ['an empty or', { filter: { or: [] } }, 'EMPTY_LIST', ['input', 'targets', 'filter', 'or']],
    [
      'an empty list within',
      { filter: { and: [{ enabled: true }, { serialNumbers: [] }] } },
      'EMPTY_LIST',
      ['input', 'targets', 'filter', 'and', '1', 'serialNumbers'],
    ],
    [
      'an empty filter within',
      { filter: { not: {} } },
      'EMPTY_FILTER',
      ['input', 'targets', 'filter', 'not'],
    ],
    [
      'a null where a value is meant',
      { filter: { enabled: null } },
      'NULL_IN_FILTER',
      ['input', 'targets', 'filter', 'enabled'],
    ],
    [
      'a text of blanks',
      { filter: { search: '  ' } },
      'EMPTY_TEXT',
      ['input', 'targets', 'filter', 'search'],
    ],
    ['a filter without end', { filter: nested(11) }, 'FILTER_TOO_LARGE', expect.any(Array)],
  ])('never takes %s for all', async (_name, targets, code, path) => {
    expect(await enqueue({ targets, command: { plist: plist() } })).toMatchObject({
      __typename: 'ValidationError',
      code,
      path,
    });
  });

  it.each([{}, { ids: ['A'], all: true }, { all: null }])(
    'takes exactly one kind of target, not %j',
    async (targets) => {
      const input = { targets, command: { plist: plist() } };
      const { errors } = await askText(server, token, mutation.toString(), { input });
      expect(errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
    },
  );

  it.each([
    ['nothing', ''],
    ['no plist', 'hello'],
    ['a cut plist', aCommand('x').slice(0, -20)],
    ['no CommandUUID', aCommand('x').replace(/CommandUUID/, 'Other')],
    ['no RequestType', aCommand('x').replace('RequestType', 'Other')],
  ])('refuses a command that is %s', async (_name, xml) => {
    expect(await enqueue({ targets: { ids: ['A'] }, command: { plist: xml } })).toMatchObject({
      __typename: 'ValidationError',
      message: expect.any(String),
    });
  });

  it('answers a missing scope as a type', async () => {
    const reader = await server.token({ scopes: ['commands:read'] });
    expect(
      await enqueue({ targets: { ids: ['A'] }, command: { plist: plist() } }, reader.token),
    ).toMatchObject({
      __typename: 'ForbiddenError',
      message: expect.stringContaining('commands:write'),
    });
  });

  it('answers unknown ids alone with NotFoundError, a used CommandUUID with ConflictError', async () => {
    const command = { plist: aCommand('used-twice') };
    expect(await enqueue({ targets: { ids: ['NOBODY'] }, command })).toMatchObject({
      __typename: 'NotFoundError',
    });
    await enqueue({ targets: { ids: ['A'] }, command });
    expect(await enqueue({ targets: { ids: ['A'] }, command })).toMatchObject({ replayed: true });
    expect(await enqueue({ targets: { ids: ['B'] }, command })).toMatchObject({
      __typename: 'ConflictError',
      code: 'COMMAND_UUID_USED',
    });
  });

  it('answers a repeat alike when the command has taken its target away since', async () => {
    const { pool } = server;
    await anEnrollment(pool, { id: 'LEAVES', tenant: 2 });
    const [own, all] = [await server.token({ tenant: 2 }), await server.token({ tenant: null })];
    const input = { targets: { ids: ['LEAVES'] }, command: { plist: plist('EraseDevice') } };
    const first = await enqueue(input, own.token);
    expect(first).toMatchObject({ replayed: false, queuedCount: 1 });
    await pool.query("update enrollment set enabled = false where id = 'LEAVES'");
    for (const { token: again } of [own, all]) {
      expect(await enqueue(input, again)).toMatchObject({ replayed: true, queuedCount: 1 });
    }
  });

  it('reaches one tenant only, whoever asks', async () => {
    const all = await server.token({ tenant: null });
    for (const targets of [
      { ids: ['A', 'FOREIGN'] },
      { ids: ['GONE', 'FOREIGN'] },
      { filter: { enabled: true } },
      { all: true },
    ] satisfies TargetsInput[]) {
      expect(await enqueue({ targets, command: { plist: plist() } }, all.token)).toMatchObject({
        __typename: 'ValidationError',
        code: 'SEVERAL_TENANTS',
        path: ['input', 'targets'],
      });
    }
    for (const targets of [
      { ids: ['FOREIGN', 'NOBODY'] },
      { filter: { ids: ['FOREIGN'] } },
    ] satisfies TargetsInput[]) {
      const uuid = randomUUID();
      const command = { plist: aCommand(uuid) };
      expect(await enqueue({ targets, command }, all.token)).toMatchObject({ queuedCount: 1 });
      expect(
        (await server.pool.query('select tenant_id from command where uuid = $1', [uuid])).rows,
      ).toEqual([{ tenant_id: 2 }]);
    }
  });

  it('queues once for an id that is named twice, in whatever form, and tells each refused one', async () => {
    const global = Buffer.from('DeviceEnrollment:C').toString('base64');
    const lookalike = Buffer.from('DeviceEnrollmentX:C').toString('base64');
    const ids = ['C', global, 'NOBODY', 'C', 'GONE', lookalike, 'NOBODY', 'GONE', 'A'];
    const { command, ...answer } = await enqueued({
      targets: { ids },
      command: { plist: plist() },
    });
    expect(answer).toMatchObject({
      __typename: 'EnqueueCommandPayload',
      queuedCount: 2,
      targets: { edges: [{ node: { enrollmentId: 'A' } }, { node: { enrollmentId: 'C' } }] },
      refused: {
        edges: [
          { node: { id: 'GONE', code: 'NOT_ENABLED' } },
          { node: { id: 'NOBODY', code: 'UNKNOWN_ENROLLMENT' } },
          { node: { id: lookalike, code: 'UNKNOWN_ENROLLMENT' } },
        ],
      },
    });
    expect(command).toMatchObject({ targetCount: 2 });
  });

  it('demands the count of a dry run for what wipes, and keeps to it', async () => {
    const command = { plist: plist('EraseDevice') };
    expect(await enqueue({ targets: { all: true }, command })).toMatchObject({
      __typename: 'ValidationError',
      code: 'EXPECTED_COUNT_REQUIRED',
    });
    expect(await enqueue({ targets: { all: true }, command, expectedCount: 2 })).toMatchObject({
      __typename: 'ConflictError',
      code: 'TARGETS_CHANGED',
    });
    expect(await enqueue({ targets: { all: true }, command, expectedCount: 3 })).toMatchObject({
      queuedCount: 3,
    });
  });

  it('does one request with an idempotency key once', async () => {
    const input = { targets: { ids: ['C'] }, command: { plist: plist() }, idempotencyKey: 'once' };
    const first = await enqueued(input);
    await numberEvents(server.pool);
    const second = await enqueue(input);
    expect(first.replayed).toBe(false);
    // The position before the first, or a caller who had no answer would miss what came of it.
    expect(second).toEqual({ ...first, replayed: true });
    expect(await enqueue({ ...input, command: { plist: plist() } })).toMatchObject({
      __typename: 'ConflictError',
    });
    expect(await enqueue({ ...input, idempotencyKey: '' })).toMatchObject({
      __typename: 'ValidationError',
      path: ['input', 'idempotencyKey'],
    });
  });
});

function nested(levels: number): EnrollmentFilterInput {
  return levels === 0 ? { enabled: true } : { not: nested(levels - 1) };
}
