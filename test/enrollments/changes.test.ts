import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../../generated/gql/gql.ts';
import { eventTypes } from '../../server/model/events.ts';
import { ask } from '../graph/ask.ts';
import { type GraphServer, startGraph } from '../graph/graph-server.ts';
import { anEnrollment, anEvent } from '../graph/rows.ts';
import { bySse, byWebSocket, type Subscribed } from '../graph/subscribe.ts';

let server: GraphServer;
let token: string;
const keys = { one: '', two: '', elsewhere: '' };

beforeAll(async () => {
  server = await startGraph();
  ({ token } = await server.token());
  keys.one = await anEnrollment(server.pool, { id: 'ONE', serialNumber: 'SN-1' });
  keys.two = await anEnrollment(server.pool, { id: 'TWO' });
  keys.elsewhere = await anEnrollment(server.pool, { id: 'ELSEWHERE', tenant: 2 });
});
afterAll(() => server.stop());

const changed = graphql(`
  subscription EnrollmentChanges($filter: EnrollmentChangeFilterInput, $after: String) {
    enrollmentChanged(filter: $filter, after: $after) {
      __typename
      ... on Checkpoint {
        cursor
      }
      ... on Event {
        cursor
        enrollmentId
        enrollment {
          serialNumber
        }
      }
      ... on EnrollmentTagsChangedEvent {
        added
        targetCount
      }
      ... on EnrollmentCheckedOutEvent {
        channels
      }
    }
  }
`);

/** What is about the state of an enrolment; all other types are about something else. */
const shown = [
  'EnrollmentAuthenticated',
  'EnrollmentReEnrolled',
  'EnrollmentTokenUpdated',
  'EnrollmentCheckedOut',
  'EnrollmentReEnabled',
  'EnrollmentMigrated',
  'EnrollmentTagsChanged',
  'EnrollmentNotesChanged',
  'UnenrollRequested',
  'EnrollmentMoved',
  'CertificateReplaced',
  'BootstrapTokenSet',
  'InventoryChanged',
  'CertificateRenewalFailed',
  'DeviceCertificateEnded',
  'EnrollmentProfileRecorded',
];

/** The next items that are events. */
async function events<Item extends { readonly __typename: string }>(
  items: Subscribed<{ readonly enrollmentChanged: Item }>,
  many: number,
) {
  const seen: Exclude<Item, { readonly __typename: 'Checkpoint' }>[] = [];
  while (seen.length < many) {
    const { value } = await items.next();
    if (value.errors || !value.data) throw new Error(JSON.stringify(value));
    const { enrollmentChanged: item } = value.data;
    if (isEvent(item)) seen.push(item);
  }
  return seen;
}

function isEvent<Item extends { readonly __typename: string }>(
  item: Item,
): item is Exclude<Item, { readonly __typename: 'Checkpoint' }> {
  return item.__typename !== 'Checkpoint';
}

describe.each([
  ['SSE', bySse],
  ['WebSocket', byWebSocket],
] as const)('enrollmentChanged by %s', (_name, subscribe) => {
  it('tells of every event about the state of an enrolment, and of no other', async () => {
    const after = await server.events.currentCursor();
    const items = await subscribe(server, token, changed, { after });
    for (const type of eventTypes) await anEvent(server, { type, enrollmentKey: keys.one });
    await anEvent(server, { type: 'EnrollmentCheckedOut', enrollmentKey: keys.two });
    const seen = await events(items, shown.length + 1);
    expect(seen.slice(0, -1).map(({ __typename }) => __typename.replace(/Event$/, ''))).toEqual(
      eventTypes.filter((type) => shown.includes(type)),
    );
    expect(seen[0]).toMatchObject({ enrollmentId: 'ONE', enrollment: { serialNumber: 'SN-1' } });
    expect(seen.at(-1)).toMatchObject({ enrollmentId: 'TWO' });
    await items.close();
  });

  it('is filtered by enrolment, replayed behind a cursor, and shows its tenant only', async () => {
    const after = await server.events.currentCursor();
    await anEvent(server, { type: 'EnrollmentTokenUpdated', enrollmentKey: keys.one });
    await anEvent(server, {
      type: 'EnrollmentTagsChanged',
      data: { added: ['lab'], addedCount: 1, targetCount: 200 },
    });
    const moved = { type: 'EnrollmentMoved', enrollmentKey: keys.elsewhere, tenant: 2 };
    await anEvent(server, moved);
    await anEvent(server, {
      type: 'EnrollmentCheckedOut',
      enrollmentKey: keys.two,
      data: { channels: 3 },
    });
    const all = await subscribe(server, token, changed, { after });
    const seen = await events(all, 3);
    expect(seen).toMatchObject([
      { enrollmentId: 'ONE' },
      { enrollmentId: null, added: ['lab'], targetCount: 200 },
      { enrollmentId: 'TWO', channels: 3 },
    ]);
    await all.close();
    const two = await subscribe(server, token, changed, {
      after,
      filter: {
        enrollments: ['TWO', Buffer.from('DeviceEnrollment:ELSEWHERE').toString('base64')],
      },
    });
    expect(await events(two, 1)).toMatchObject([{ enrollmentId: 'TWO' }]);
    await two.close();
    const behind = await subscribe(server, token, changed, { after: seen[1]?.cursor ?? '' });
    expect(await events(behind, 1)).toEqual([seen[2]]);
    await behind.close();
    const { token: other } = await server.token({ tenant: 2 });
    const theirs = await subscribe(server, other, changed, { after });
    expect(await events(theirs, 1)).toMatchObject([{ enrollmentId: 'ELSEWHERE' }]);
    await theirs.close();
  });
});

describe('enrollmentChanged', () => {
  it('needs the scope, a good cursor and a list that can match', async () => {
    const { token: blind } = await server.token({ scopes: ['commands:read'] });
    const refused = await ask(server, blind, changed, {});
    expect(JSON.stringify(refused.errors)).toContain('enrollments:read');
    const items = await bySse(server, token, changed, { filter: { enrollments: [] } });
    expect((await items.next()).value.errors?.[0]?.extensions).toMatchObject({
      code: 'EMPTY_LIST',
    });
    await items.close();
    const lost = await bySse(server, token, changed, { after: 'nonsense' });
    expect((await lost.next()).value.errors).toHaveLength(1);
    await lost.close();
  });
});
