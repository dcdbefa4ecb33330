import { graphql } from '../../../generated/gql/gql.ts';
import type { CliQueueQuery } from '../../../generated/gql/graphql.ts';
import type { Client } from '../../sdk/client.ts';
import { command } from '../command.ts';
import { noEnrollment } from '../enrollments/missing.ts';
import { exit } from '../exit.ts';
import { limitFlag, pageSize, upTo } from '../lists.ts';
import { own, shape } from '../output/fields.ts';

const document = graphql(`
  query CliQueue($id: String!, $state: QueueState, $first: Int, $after: String) {
    enrollment(enrollmentId: $id) {
      queue(state: $state, first: $first, after: $after) {
        edges {
          node {
            commandUuid
            requestType
            state
            priority
            queuedAt
            firstSentAt
            notBefore
            expiresAt
            notNowAt
            notNowTally
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

type Enrollment = NonNullable<CliQueueQuery['enrollment']>;
type Row = Enrollment['queue']['edges'][number]['node'];

const entryShape = shape(
  own<Row>()({
    commandUuid: 'CommandUUID of the command',
    requestType: 'its RequestType',
    state: 'PENDING or NOT_NOW',
    priority: 'higher goes first',
    queuedAt: 'since when it waits',
    firstSentAt: 'when it was first delivered',
    notBefore: 'not delivered before',
    expiresAt: 'not delivered after',
    notNowAt: 'when the device last put it off',
    notNowTally: 'how often it did',
  }),
  [
    ['commandUuid', 'UUID'],
    ['requestType', 'TYPE'],
    ['state', 'STATE'],
    ['priority', 'PRIORITY'],
    ['queuedAt', 'QUEUED'],
    ['firstSentAt', 'SENT'],
    ['notNowTally', 'NOT NOW'],
  ],
);

export const queueShow = command({
  words: ['queue', 'show'],
  what: 'lists what waits for one enrolment, in the order in which it gets it',
  argument: { name: 'ID', what: 'its enrolment id' },
  flags: {
    state: { type: 'text', value: 'STATE', choices: ['PENDING', 'NOT_NOW'], what: 'only these' },
    ...limitFlag,
  },
  fields: entryShape.fields,
  examples: ['graphmdm queue show 00008110-000A2D9E3C41801E'],
  async run({ args: [id = ''], flags: { state = null, limit = 30 }, out, connect }) {
    await out.list(entryShape, upTo(limit, entries(connect(), id, state, pageSize(limit))));
    return exit.ok;
  },
});

async function* entries(
  mdm: Client,
  id: string,
  state: 'PENDING' | 'NOT_NOW' | null,
  first: number,
): AsyncGenerator<Row> {
  let after: string | null = null;
  do {
    const found: CliQueueQuery = await mdm.query(document, { id, state, first, after });
    if (!found.enrollment) throw noEnrollment(id);
    const { edges, pageInfo } = found.enrollment.queue;
    for (const { node } of edges) yield node;
    after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  } while (after !== null);
}
