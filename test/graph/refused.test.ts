import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';

describe('what is refused before it is an operation', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ flags: ['--graphql-body-limit', '16KiB'] });
  });
  afterAll(() => server.stop());

  const post = async (body: unknown) => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${adminToken}` },
      body: JSON.stringify(body),
    });
    return response.status;
  };

  it('is counted by its code as all refusals are', async () => {
    const query = '{ __typename }';
    expect(await post({ query: `${query} # ${'x'.repeat(20_000)}` })).toBe(413);
    expect(await post([{ query }, { query }])).toBe(400);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toContain('graphmdm_graphql_refused_total{code="BODY_TOO_LARGE"} 1');
    expect(metrics).toContain('graphmdm_graphql_refused_total{code="BATCHED"} 1');
  });
});
