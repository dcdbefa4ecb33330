import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../../generated/gql/gql.ts';
import type { TagEnrollmentsInput } from '../../generated/gql/graphql.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { type GraphServer, startGraph } from '../graph/graph-server.ts';
import { anEnrollment } from '../graph/rows.ts';
import { bySse } from '../graph/subscribe.ts';

let server: GraphServer;
let token: string;

beforeAll(async () => {
  server = await startGraph();
  ({ token } = await server.token());
  for (const number of [0, 1, 2, 3, 4]) {
    await anEnrollment(server.pool, { id: `DEVICE-${number}`, enabled: number !== 4 });
  }
  await anEnrollment(server.pool, { id: 'DEVICE-0:ANN', device: 'DEVICE-0' });
  await anEnrollment(server.pool, { id: 'ELSEWHERE', tenant: 2 });
});
afterAll(() => server.stop());

const tagEnrollments = graphql(`
  mutation TagSome($input: TagEnrollmentsInput!) {
    tagEnrollments(input: $input) {
      __typename
      ... on TagEnrollmentsPayload {
        targetCount
        changedCount
        enrollments {
          enrollmentId
        }
        unknownIds
        cursor
        replayed
        validateOnly
      }
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

const untagEnrollments = graphql(`
  mutation UntagSome($input: TagEnrollmentsInput!) {
    untagEnrollments(input: $input) {
      __typename
      ... on UntagEnrollmentsPayload {
        targetCount
        changedCount
        cursor
      }
      ... on Error {
        code
      }
    }
  }
`);

const setNotes = graphql(`
  mutation Note($input: SetEnrollmentNotesInput!) {
    setEnrollmentNotes(input: $input) {
      __typename
      ... on SetEnrollmentNotesPayload {
        enrollment {
          enrollmentId
          notes
        }
        replayed
        cursor
      }
      ... on Error {
        code
        path
      }
    }
  }
`);

const found = graphql(`
  query Tagged($filter: EnrollmentFilterInput) {
    enrollments(filter: $filter) {
      edges {
        node {
          enrollmentId
          tags
          userChannels {
            edges {
              node {
                tags
              }
            }
          }
        }
      }
    }
  }
`);

const listed = graphql(`
  query TagsInUse($first: Int, $last: Int, $after: String, $before: String, $prefix: String) {
    tags(first: $first, last: $last, after: $after, before: $before, prefix: $prefix) {
      edges {
        node {
          name
          enrollmentCount
          hasMore
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

const followed = graphql(`
  subscription FollowTags($after: String) {
    events(filter: { types: [EnrollmentTagsChanged, EnrollmentNotesChanged] }, after: $after) {
      __typename
      ... on Event {
        enrollmentId
        actor
        cursor
      }
      ... on EnrollmentTagsChangedEvent {
        added
        addedCount
        removed
        removedCount
        targetCount
      }
      ... on EnrollmentNotesChangedEvent {
        characters
      }
    }
  }
`);

type Input = Omit<TagEnrollmentsInput, 'channels' | 'validateOnly'> & Partial<TagEnrollmentsInput>;

async function tag(input: Input, as = token) {
  const full = { channels: 'DEVICE' as const, validateOnly: false, ...input };
  const { tagEnrollments: done } = await dataOf(ask(server, as, tagEnrollments, { input: full }));
  return done;
}

async function untag(input: Input) {
  const full = { channels: 'DEVICE' as const, validateOnly: false, ...input };
  return (await dataOf(ask(server, token, untagEnrollments, { input: full }))).untagEnrollments;
}

async function idsOf(filter: object, as = token) {
  const { enrollments } = await dataOf(ask(server, as, found, { filter }));
  return enrollments.edges.map(({ node }) => node.enrollmentId);
}

let marks = 100;

/** A cursor with nothing before it that has still to come. */
async function cursorOf(): Promise<string> {
  const after = await server.events.currentCursor();
  marks += 1;
  const input = { enrollmentId: 'DEVICE-1', notes: 'x'.repeat(marks) };
  await dataOf(ask(server, token, setNotes, { input }));
  const items = await bySse(server, token, followed, { after });
  for (;;) {
    const event = (await items.next()).value.data?.events;
    if (event?.__typename !== 'EnrollmentNotesChangedEvent' || event.characters !== marks) continue;
    await items.close();
    return event.cursor;
  }
}

async function eventsAfter(after: string, many: number) {
  const items = await bySse(server, token, followed, { after });
  const seen = [];
  for (let left = many; left > 0; left -= 1) seen.push((await items.next()).value.data?.events);
  await items.close();
  return seen;
}

describe('tags', () => {
  it('are given to and taken from whom the targets name, and found by', async () => {
    expect(await tag({ targets: { ids: ['DEVICE-0', 'DEVICE-1'] }, tags: ['lab', 'b'] })).toEqual(
      expect.objectContaining({ targetCount: 2, changedCount: 2, replayed: false, unknownIds: [] }),
    );
    // Disabled ones can be tagged too.
    await tag({ targets: { ids: ['DEVICE-4', 'DEVICE-0', 'NOBODY'] }, tags: ['old'] });
    const { enrollments } = await dataOf(ask(server, token, found, { filter: null }));
    expect(enrollments.edges.map(({ node }) => node.tags)).toEqual([
      ['b', 'lab', 'old'],
      ['b', 'lab'],
      [],
      [],
      ['old'],
    ]);
    expect(await idsOf({ tags: { any: ['lab', 'old'] } })).toEqual([
      'DEVICE-0',
      'DEVICE-1',
      'DEVICE-4',
    ]);
    expect(await idsOf({ tags: { all: ['lab', 'old'] } })).toEqual(['DEVICE-0']);
    expect(await idsOf({ tags: { any: ['lab'], none: ['old'] } })).toEqual(['DEVICE-1']);
    expect(await idsOf({ not: { tags: { any: ['lab'] } } })).toEqual([
      'DEVICE-2',
      'DEVICE-3',
      'DEVICE-4',
    ]);
    const removed = await untag({
      targets: { filter: { tags: { any: ['b'] } } },
      tags: ['b', 'x'],
    });
    expect(removed).toMatchObject({ targetCount: 2, changedCount: 2 });
    expect(await idsOf({ tags: { any: ['b'] } })).toEqual([]);
  });

  it('tell of each change, and of nothing that was so before', async () => {
    const after = await cursorOf();
    await tag({ targets: { ids: ['DEVICE-2', 'DEVICE-3'] }, tags: ['z', 'y'] });
    await tag({ targets: { ids: ['DEVICE-2', 'DEVICE-3'] }, tags: ['z'] });
    await untag({ targets: { ids: ['DEVICE-3'] }, tags: ['z', 'never'] });
    const [first, second, third] = await eventsAfter(after, 3);
    const added = { added: ['y', 'z'], addedCount: 2, removed: [], removedCount: 0 };
    expect([first, second]).toEqual([
      expect.objectContaining({ enrollmentId: 'DEVICE-2', targetCount: null, ...added }),
      expect.objectContaining({ enrollmentId: 'DEVICE-3', targetCount: null, ...added }),
    ]);
    expect(third).toMatchObject({ enrollmentId: 'DEVICE-3', removed: ['z'], removedCount: 1 });
  });

  it('of more than a hundred enrolments are told by one event', async () => {
    const { pool } = server;
    await pool.query(
      `insert into enrollment (id, tenant_id, kind, enabled)
       select 'MANY-' || n, 1, 'DEVICE', true from generate_series(1, 150) n`,
    );
    const after = await cursorOf();
    expect(await tag({ targets: { all: true }, tags: ['everybody'] })).toMatchObject({
      targetCount: 155,
      changedCount: 155,
    });
    await tag({ targets: { ids: ['DEVICE-0'] }, tags: ['end'] });
    const [bulk, end] = await eventsAfter(after, 2);
    expect(bulk).toMatchObject({ enrollmentId: null, targetCount: 155, added: ['everybody'] });
    expect(end).toMatchObject({ enrollmentId: 'DEVICE-0', added: ['end'] });
    await untag({ targets: { all: true }, tags: ['everybody', 'end'] });
    await pool.query("delete from enrollment where id like 'MANY-%'");
  });

  it('are only counted with validateOnly', async () => {
    const done = await tag({ targets: { all: true }, tags: ['maybe'], validateOnly: true });
    expect(done).toMatchObject({ validateOnly: true, targetCount: 5, changedCount: 5 });
    expect(done).toMatchObject({ enrollments: [{ enrollmentId: 'DEVICE-0' }, {}, {}, {}, {}] });
    expect(await idsOf({ tags: { any: ['maybe'] } })).toEqual([]);
  });

  it('are given once for an idempotency key, whose answer is repeated', async () => {
    const input = { targets: { ids: ['DEVICE-1'] }, tags: ['once'], idempotencyKey: 'tag-once' };
    const first = await tag(input);
    await untag({ targets: { ids: ['DEVICE-1'] }, tags: ['once'] });
    expect(await tag(input)).toEqual({ ...first, replayed: true });
    expect(await idsOf({ tags: { any: ['once'] } })).toEqual([]);
    expect(await tag({ ...input, tags: ['twice'] })).toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
  });

  it('of a device find its users too, whose own are theirs alone', async () => {
    await tag({ targets: { ids: ['DEVICE-0:ANN'] }, tags: ['ann'] });
    expect(await idsOf({ tags: { any: ['ann'] } })).toEqual([]);
    const users = await tag({
      targets: { filter: { tags: { any: ['lab'] } } },
      channels: 'USER',
      tags: ['x'],
      validateOnly: true,
    });
    expect(users).toMatchObject({ enrollments: [{ enrollmentId: 'DEVICE-0:ANN' }] });
    const { enrollments } = await dataOf(
      ask(server, token, found, { filter: { ids: ['DEVICE-0'] } }),
    );
    expect(enrollments.edges[0]?.node.userChannels.edges[0]?.node.tags).toEqual(['ann']);
  });

  it.each([
    [{ tags: [] }, 'EMPTY_LIST'],
    [{ tags: [''] }, 'BAD_TAG'],
    [{ tags: ['good', 'x'.repeat(101)] }, 'BAD_TAG'],
    [{ tags: ['tab\tbed'] }, 'BAD_TAG'],
    [{ tags: Array.from({ length: 51 }, (_, n) => `t${n}`) }, 'TOO_MANY_TAGS'],
    [{ tags: ['a'], targets: { filter: {} } }, 'EMPTY_FILTER'],
    [{ tags: ['a'], targets: { filter: { tags: {} } } }, 'EMPTY_FILTER'],
    [{ tags: ['a'], targets: { filter: { tags: { any: [] } } } }, 'EMPTY_LIST'],
    [{ tags: ['a'], targets: { filter: { tags: { none: null } } } }, 'NULL_IN_FILTER'],
    [{ tags: ['a'], targets: { ids: ['NOBODY'] } }, 'UNKNOWN_ENROLLMENT'],
    [{ tags: ['a'], targets: { ids: ['ELSEWHERE'] } }, 'UNKNOWN_ENROLLMENT'],
  ])('are refused for %j with %s', async (input, code) => {
    const done = await tag({ targets: { ids: ['DEVICE-1'] }, ...input });
    expect(done).toMatchObject({ code });
  });

  it('are fifty at most on an enrolment', async () => {
    const tags = Array.from({ length: 50 }, (_, n) => `many ${n}`);
    expect(await tag({ targets: { ids: ['DEVICE-3'] }, tags })).toMatchObject({
      __typename: 'ConflictError',
      code: 'TOO_MANY_TAGS',
      message: expect.stringContaining('DEVICE-3'),
    });
    await untag({ targets: { ids: ['DEVICE-3'] }, tags: ['y'] });
    const after = await cursorOf();
    expect(await tag({ targets: { ids: ['DEVICE-3'] }, tags })).toMatchObject({ changedCount: 1 });
    // More than an event has room for: it says how many.
    const [event] = await eventsAfter(after, 1);
    expect(event).toMatchObject({ addedCount: 50 });
    const shown = event?.__typename === 'EnrollmentTagsChangedEvent' ? event.added.length : 0;
    expect(shown).toBeGreaterThan(30);
    expect(shown).toBeLessThan(60);
    await untag({ targets: { ids: ['DEVICE-3'] }, tags });
  });

  it('are fifty at most, however many callers give some at once', async () => {
    const callers = Array.from({ length: 8 }, (_, caller) =>
      tag({
        targets: { ids: ['DEVICE-2', 'DEVICE-3'] },
        tags: Array.from({ length: 20 }, (_, n) => `c${caller} ${n}`),
      }),
    );
    const done = await Promise.all(callers);
    const given = done.filter((one) => one.__typename === 'TagEnrollmentsPayload');
    expect(given).toHaveLength(2);
    expect(done.filter((one) => one.__typename === 'ConflictError')).toHaveLength(6);
    const { rows } = await server.pool.query<{ most: number }>(
      `select max(many)::int as most from (
         select count(*) as many from enrollment_tag group by enrollment_key) held`,
    );
    expect(rows[0]?.most).toBeLessThanOrEqual(50);
    await server.pool.query("delete from enrollment_tag where tag like 'c_ %'");
  });

  it('need the scope to write, and each change is audited', async () => {
    const { token: reader } = await server.token({ scopes: ['enrollments:read'] });
    const done = await tag({ targets: { all: true }, tags: ['a'] }, reader);
    expect(done).toMatchObject({ __typename: 'ForbiddenError' });
    await tag({ targets: { ids: ['DEVICE-1'] }, tags: ['audited'] });
    const { rows } = await server.pool.query(
      "select details from audit_entry where action = 'tagEnrollments' order by key desc limit 1",
    );
    expect(rows[0]?.details).toEqual({ tags: ['audited'], targetCount: 1, changedCount: 1 });
  });
});

describe('the list of tags', () => {
  it('pages both ways and counts, each tenant its own', async () => {
    const { token: other } = await server.token({ tenant: 2 });
    await tag({ targets: { ids: ['ELSEWHERE'] }, tags: ['p1', 'p9'] }, other);
    await tag({ targets: { ids: ['DEVICE-0', 'DEVICE-1'] }, tags: ['p1', 'p2', 'p3'] });
    const page = async (variables: object, as = token) => {
      const { tags } = await dataOf(ask(server, as, listed, { prefix: 'p', ...variables }));
      return { ...tags, names: tags.edges.map(({ node }) => node.name) };
    };
    const first = await page({ first: 2 });
    expect(first.edges.map(({ node }) => node)).toEqual([
      { name: 'p1', enrollmentCount: 2, hasMore: false },
      { name: 'p2', enrollmentCount: 2, hasMore: false },
    ]);
    expect(first.pageInfo.hasNextPage).toBe(true);
    const second = await page({ first: 2, after: first.pageInfo.endCursor });
    expect([second.names, second.pageInfo.hasNextPage]).toEqual([['p3'], false]);
    const last = await page({ last: 2 });
    expect([last.names, last.pageInfo.hasPreviousPage]).toEqual([['p2', 'p3'], true]);
    expect((await page({}, other)).names).toEqual(['p1', 'p9']);
    const { token: everywhere } = await server.token({ tenant: null });
    expect((await page({}, everywhere)).names).toEqual(['p1', 'p2', 'p3', 'p1', 'p9']);
    expect((await page({ first: 0 })).names).toEqual([]);
  });
});

describe('notes', () => {
  it('are written, told of without their words, and taken away', async () => {
    const after = await cursorOf();
    const write = async (input: object, as = token) => {
      const variables = { input: { enrollmentId: 'DEVICE-2', ...input } };
      return (await dataOf(ask(server, as, setNotes, variables))).setEnrollmentNotes;
    };
    const input = { notes: 'Broken screen\nAsk Ann', idempotencyKey: 'note' };
    expect(await write(input)).toMatchObject({ enrollment: { notes: input.notes } });
    expect(await write(input)).toMatchObject({ replayed: true });
    expect(await write({ notes: '' })).toMatchObject({ enrollment: { notes: null } });
    const told = await eventsAfter(after, 2);
    expect(told.map((event) => event)).toEqual([
      expect.objectContaining({ enrollmentId: 'DEVICE-2', characters: 21 }),
      expect.objectContaining({ enrollmentId: 'DEVICE-2', characters: 0 }),
    ]);
    expect(await write({ notes: 'x'.repeat(10_001) })).toMatchObject({ code: 'BAD_NOTES' });
    const { token: other } = await server.token({ tenant: 2 });
    expect(await write({ notes: 'mine' }, other)).toMatchObject({ code: 'UNKNOWN_ENROLLMENT' });
    const { rows } = await server.pool.query(
      "select details::text from audit_entry where action = 'setEnrollmentNotes'",
    );
    expect(JSON.stringify(rows)).not.toContain('Broken');
  });
});
