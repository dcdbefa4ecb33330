import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { packageRoot } from '../../server/store/package-root.ts';

const readme = readFileSync(join(packageRoot(), 'README.md'), 'utf8');
const examples = [...readme.matchAll(/```graphql\n([\s\S]*?)```/g)].map(([, text = '']) => text);

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  const device = await server.device(1);
  await device.authenticate();
  await device.tokenUpdate();
});
afterAll(() => server.stop());

function post(query: string, accept: string): Promise<Response> {
  return fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${adminToken}`,
      'Content-Type': 'application/json',
      Accept: accept,
    },
    body: JSON.stringify({ query }),
  });
}

describe("the README's examples", () => {
  it('are a query, a mutation and a subscription', () => {
    expect(examples.map((text) => text.split(' ', 1)[0])).toEqual([
      'query',
      'mutation',
      'subscription',
    ]);
  });

  it('list the enrolment', async () => {
    const response = await post(examples[0] ?? '', 'application/json');
    expect(await response.json()).toMatchObject({ data: { enrollments: { totalCount: 1 } } });
  });

  it('queue a command that the device gets, and show its result', async () => {
    const response = await post(examples[1] ?? '', 'application/json');
    expect(await response.json()).toMatchObject({
      data: { enqueueCommand: { commandUuid: 'first-command', queuedCount: 1 } },
    });
    const device = await server.device(1);
    // The same device with a new certificate: it enrols anew, and what waited for it has ended.
    await device.authenticate();
    const stream = await post(examples[2] ?? '', 'text/event-stream');
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (reader !== undefined && !text.includes('RE_ENROLLED')) {
      const { value, done } = await reader.read();
      if (done) break;
      text += value;
    }
    await reader?.cancel();
    expect(text).toContain('RE_ENROLLED');
  });
});
