import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../../generated/gql/gql.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { type GraphServer, startGraph } from '../graph/graph-server.ts';
import { anEnrollment } from '../graph/rows.ts';

const failures = graphql(`
  query ProjectionFailures($first: Int, $after: String) {
    projectionFailures(first: $first, after: $after) {
      pageInfo {
        hasNextPage
        endCursor
      }
      edges {
        node {
          projection
          eventNumber
          eventType
          reason
          at
          enrollment {
            enrollmentId
          }
          command {
            uuid
          }
        }
      }
    }
  }
`);

describe('events that a projection passed over', () => {
  let server: GraphServer;
  beforeAll(async () => {
    server = await startGraph();
    const mine = await anEnrollment(server.pool, { id: 'MINE' });
    const rows = [
      ['command-counts', 7, 1, null],
      ['inventory', 7, 1, mine],
      ['inventory', 9, 1, mine],
      ['inventory', 8, 2, null],
    ];
    for (const [projection, id, tenant, key] of rows) {
      await server.pool.query(
        `insert into projection_failure (projection, event_id, event_seq, event_type, tenant_id,
           enrollment_key, reason)
         values ($1, $2::bigint, $2::bigint + 100, 'CommandAnswered', $3, $4, 'Error: no')`,
        [projection, id, tenant, key],
      );
    }
  });
  afterAll(() => server.stop());

  const page = async (token: string, after: string | null = null) =>
    (await dataOf(ask(server, token, failures, { first: 2, after }))).projectionFailures;

  it('are listed, the newest first, in pages, and to their tenant only', async () => {
    const { token } = await server.token({ tenant: 1 });
    const first = await page(token);
    expect(first.edges.map(({ node }) => node)).toEqual([
      {
        projection: 'inventory',
        eventNumber: '109',
        eventType: 'CommandAnswered',
        reason: 'Error: no',
        at: expect.any(String),
        enrollment: { enrollmentId: 'MINE' },
        command: null,
      },
      expect.objectContaining({ projection: 'command-counts', eventNumber: '107' }),
    ]);
    expect(first.pageInfo.hasNextPage).toBe(true);
    const second = await page(token, first.pageInfo.endCursor);
    expect(second.edges.map(({ node }) => [node.projection, node.eventNumber])).toEqual([
      ['inventory', '107'],
    ]);
    expect(second.pageInfo.hasNextPage).toBe(false);
  });

  it('name no enrolment to a token that may not read those, and nothing to one without jobs:read', async () => {
    const { token } = await server.token({ tenant: 1, scopes: ['jobs:read'] });
    expect((await page(token)).edges[0]?.node.enrollment).toBeNull();
    const { token: other } = await server.token({ tenant: 1, scopes: ['enrollments:read'] });
    const refused = await ask(server, other, failures, {});
    expect(refused.errors?.[0]?.extensions?.['code']).toBe('FORBIDDEN');
  });
});
