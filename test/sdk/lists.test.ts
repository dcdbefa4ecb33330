import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, createClient } from '../../clients/sdk/client.ts';
import { graphql } from '../../generated/gql/gql.ts';
import { type GraphServer, startGraph } from '../graph/graph-server.ts';
import { anEnrollment } from '../graph/rows.ts';

let server: GraphServer;
let mdm: Client;

beforeAll(async () => {
  server = await startGraph();
  const { token } = await server.token();
  mdm = createClient({ url: server.url, token, transport: 'sse' });
  for (let n = 10; n < 35; n += 1) {
    await anEnrollment(server.pool, { id: `LIST-${n}`, enabled: n % 5 !== 0 });
  }
});

afterAll(() => server.stop());

const documented = graphql(`
  query SdkSerials($after: String, $first: Int) {
    enrollments(after: $after, first: $first) {
      edges {
        node {
          enrollmentId
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

const unpaged = graphql(`
  query SdkUnpaged {
    enrollments {
      edges {
        node {
          id
        }
      }
    }
  }
`);

describe('lists', () => {
  it('go through all pages, a page at a time', async () => {
    const devices = mdm.enrollments({ filter: { enabled: true }, pageSize: 7 });
    const ids: string[] = [];
    for await (const device of devices) ids.push(device.enrollmentId);
    expect(new Set(ids).size).toBe(20);
    const sizes: number[] = [];
    for await (const page of devices.pages()) sizes.push(page.edges.length);
    expect(sizes).toEqual([7, 7, 6]);
  });

  it('of a document of one’s own do so too, from where one wants', async () => {
    const ids: string[] = [];
    for await (const { enrollmentId } of mdm.list(documented, { first: 10 }))
      ids.push(enrollmentId);
    expect(ids).toHaveLength(25);
    const pages = mdm.list(documented, { first: 10 }).pages();
    const { value } = await pages.next();
    await pages.return();
    const rest: string[] = [];
    const after = value?.pageInfo.endCursor ?? null;
    for await (const { enrollmentId } of mdm.list(documented, { after })) rest.push(enrollmentId);
    expect(rest).toEqual(ids.slice(10));
  });

  it('that cannot be paged say so', () => {
    expect(() => mdm.list(unpaged)).toThrow('`$after: String`');
  });
});
