import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../../generated/gql/gql.ts';
import type { SetEnrollmentNotesInput } from '../../generated/gql/graphql.ts';
import { aCommand } from '../build/commands.ts';
import { hold, waitsForRows } from '../harness/held.ts';
import { ask, askText, dataOf } from './ask.ts';
import { type GraphServer, startGraph } from './graph-server.ts';
import { anEnrollment } from './rows.ts';

const write = graphql(`
  mutation WriteNotesOnce($input: SetEnrollmentNotesInput!) {
    setEnrollmentNotes(input: $input) {
      __typename
      ... on Error {
        code
        path
      }
      ... on SetEnrollmentNotesPayload {
        replayed
        cursor
        enrollment {
          notes
        }
      }
    }
  }
`);

let server: GraphServer;
let token: string;

beforeAll(async () => {
  server = await startGraph();
  ({ token } = await server.token());
  await anEnrollment(server.pool, { id: 'A' });
});
afterAll(() => server.stop());

async function note(
  notes: string,
  idempotencyKey: string,
  more: Partial<SetEnrollmentNotesInput> = {},
  as = token,
) {
  const input = { enrollmentId: 'A', notes, idempotencyKey, ...more };
  return (await dataOf(ask(server, as, write, { input }))).setEnrollmentNotes;
}

const reused = {
  __typename: 'ConflictError',
  code: 'IDEMPOTENCY_KEY_REUSED',
  path: ['input', 'idempotencyKey'],
};
const done = { __typename: 'SetEnrollmentNotesPayload', replayed: false };
const repeated = { __typename: 'SetEnrollmentNotesPayload', replayed: true };

/** Changes when the only request with a key was made. */
async function madeBefore(key: string, interval: string): Promise<void> {
  const { rowCount } = await server.pool.query(
    'update idempotent_request set created_at = now() - $2::interval where idempotency_key = $1',
    [key, interval],
  );
  expect(rowCount).toBe(1);
}

async function storedFor(key: string): Promise<unknown[]> {
  const { rows } = await server.pool.query(
    'select mutation from idempotent_request where idempotency_key = $1',
    [key],
  );
  return rows;
}

describe('an idempotency key', () => {
  it('is one request, of twenty that are sent at once: all get the same answer', async () => {
    const uuid = randomUUID();
    const send = async () => {
      const { data } = await askText(
        server,
        token,
        `mutation ($input: EnqueueCommandInput!) { enqueueCommand(input: $input) {
          ... on Error { code } ... on EnqueueCommandPayload { replayed cursor queuedCount commandUuid } } }`,
        {
          input: {
            targets: { ids: ['A'] },
            command: { plist: aCommand(uuid) },
            idempotencyKey: uuid,
            push: false,
          },
        },
      );
      return Object(data).enqueueCommand;
    };
    const answers = await Promise.all(Array.from({ length: 20 }, send));
    expect(answers.filter(({ replayed }) => replayed === false)).toHaveLength(1);
    expect(answers.filter(({ replayed }) => replayed === true)).toHaveLength(19);
    const first = { ...answers[0], replayed: null };
    for (const one of answers) expect({ ...one, replayed: null }).toEqual(first);
    const { rows } = await server.pool.query(
      `select count(*)::int as queued from queue_entry q join command c on c.key = q.command_key where c.uuid = $1`,
      [uuid],
    );
    expect(rows).toEqual([{ queued: 1 }]);
  });

  it('is its token’s own, and its mutation’s own', async () => {
    const { token: other } = await server.token();
    expect(await note('one', 'own')).toMatchObject(done);
    expect(await note('one', 'own')).toMatchObject(repeated);
    expect(await note('another', 'own', {}, other)).toMatchObject(done);
    expect(await note('two', 'own')).toMatchObject(reused);
    const { data } = await askText(
      server,
      token,
      'mutation { tagEnrollments(input: { targets: { ids: ["A"] }, tags: ["x"], idempotencyKey: "own" }) { ... on TagEnrollmentsPayload { replayed } } }',
    );
    expect(data).toEqual({ tagEnrollments: { replayed: false } });
  });

  it('stands for the input, however its members are ordered and whether defaults are written out', async () => {
    const key = randomUUID();
    const input = { enrollmentId: 'A', notes: 'x', idempotencyKey: key };
    const turned = Object.fromEntries(Object.entries(input).toReversed());
    const text = `mutation ($input: SetEnrollmentNotesInput!) { setEnrollmentNotes(input: $input) { ... on SetEnrollmentNotesPayload { replayed } } }`;
    const asked = async (variables: object) => (await askText(server, token, text, variables)).data;
    expect(await asked({ input })).toEqual({ setEnrollmentNotes: { replayed: false } });
    expect(await asked({ input: turned })).toEqual({ setEnrollmentNotes: { replayed: true } });
    const tag = (more: string) =>
      askText(
        server,
        token,
        `mutation { tagEnrollments(input: { targets: { ids: ["A"] }, tags: ["y"], idempotencyKey: "${key}" ${more} }) { ... on TagEnrollmentsPayload { replayed } } }`,
      );
    expect(await tag('')).toMatchObject({ data: { tagEnrollments: { replayed: false } } });
    expect(await tag('channels: DEVICE, validateOnly: false')).toMatchObject({
      data: { tagEnrollments: { replayed: true } },
    });
  });

  it('is kept for 24 hours, and no longer', async () => {
    const key = randomUUID();
    expect(await note('then', key)).toMatchObject(done);
    await madeBefore(key, '23 hours 59 minutes');
    expect(await note('then', key)).toMatchObject(repeated);
    expect(await note('now', key)).toMatchObject(reused);
    await madeBefore(key, '24 hours 1 second');
    expect(await note('now', key)).toMatchObject({ ...done, enrollment: { notes: 'now' } });
    expect(await note('now', key)).toMatchObject(repeated);
  });

  it('is free again when nothing came of the request, and after a dry run', async () => {
    const key = randomUUID();
    expect(await note('x', key, { enrollmentId: 'NOBODY' })).toMatchObject({
      code: 'UNKNOWN_ENROLLMENT',
    });
    expect(await storedFor(key)).toEqual([]);
    expect(await note('x', key)).toMatchObject(done);
    const push = (more: string) =>
      askText(
        server,
        token,
        `mutation { tagEnrollments(input: { targets: { ids: ["A"] }, tags: ["z"], idempotencyKey: "dry" ${more} }) { ... on TagEnrollmentsPayload { replayed validateOnly } } }`,
      );
    for (const validateOnly of [true, true, false]) {
      const { data } = await push(`validateOnly: ${validateOnly}`);
      expect(data).toEqual({ tagEnrollments: { replayed: false, validateOnly } });
    }
  });

  it.each(['', 'x'.repeat(201), 'a\0b'])('is a text of 1 to 200 characters (%#)', async (key) => {
    expect(await note('x', key)).toMatchObject({ __typename: 'ValidationError', code: 'BAD_KEY' });
  });

  it('of a request that is still running makes the next one wait for its end', async () => {
    const key = randomUUID();
    // What the first request has, while it works: its key is claimed, and nobody sees it.
    const claim = `insert into idempotent_request (caller, mutation, idempotency_key, input_sha256, answer)
      select id, 'setEnrollmentNotes', $1, sha256('other input'), 'null' from api_token where sha256 = sha256($2::bytea)`;
    const failing = await hold(server.pool, claim, [key, token]);
    const waiting = note('waited', key);
    await waitsForRows(server.pool, 'insert into idempotent_request%');
    await failing.release();
    expect(await waiting).toMatchObject({ ...done, enrollment: { notes: 'waited' } });

    const second = randomUUID();
    const working = await hold(server.pool, claim, [second, token]);
    const other = note('x', second);
    await waitsForRows(server.pool, 'insert into idempotent_request%');
    await working.commit();
    expect(await other).toMatchObject(reused);
  });

  it('of a request that runs on and on is IN_PROGRESS', { timeout: 30_000 }, async () => {
    const key = randomUUID();
    const claim = `insert into idempotent_request (caller, mutation, idempotency_key, input_sha256, answer)
      select id, 'setEnrollmentNotes', $1, sha256('x'), 'null' from api_token where sha256 = sha256($2::bytea)`;
    const working = await hold(server.pool, claim, [key, token]);
    try {
      expect(await note('x', key)).toEqual({
        __typename: 'ConflictError',
        code: 'IN_PROGRESS',
        path: ['input', 'idempotencyKey'],
      });
    } finally {
      await working.release();
    }
  });
});
