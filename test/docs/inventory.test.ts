import { readFileSync } from 'node:fs';
import { parse, validate } from 'graphql';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { schema } from '../../schema/schema.ts';
import { askText } from '../graph/ask.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { answered, projected } from '../inventory/answering.ts';

const text = readFileSync(new URL('../../docs/inventory.md', import.meta.url), 'utf8');
const examples = [...text.matchAll(/```graphql\n(.*?)```/gs)].map(([, example = '']) => example);
const queries = examples.filter((example) => example.startsWith('query'));

let server: TestServer;
let id: string;

beforeAll(async () => {
  server = await startServer();
  const device = await server.device(1);
  await device.enrol();
  id = device.enrollmentId;
  for (const OSVersion of ['18.0', '18.1']) {
    await answered(server, device, 'DeviceInformation', { QueryResponses: { OSVersion } });
  }
  await projected(server);
});
afterAll(() => server.stop());

it('has examples that fit the graph', () => {
  expect(examples.length).toBe(5);
  for (const example of examples) expect(validate(schema, parse(example))).toEqual([]);
});

it('has a mutation that rebuilds', async () => {
  const [mutation = ''] = examples.filter((example) => example.startsWith('mutation'));
  const answer = await askText({ url: `${server.url}/graphql` }, adminToken, mutation, { id });
  expect(answer.errors).toBeUndefined();
  expect(answer.data).toMatchObject({
    rebuildInventory: { targetCount: 1, job: { jobId: expect.any(String) } },
  });
});

it.each(queries)('has a query that answers: %s', async (query) => {
  const answer = await askText({ url: `${server.url}/graphql` }, adminToken, query, { id });
  expect(answer.errors).toBeUndefined();
  expect(JSON.stringify(answer.data)).toContain('18.1');
});
