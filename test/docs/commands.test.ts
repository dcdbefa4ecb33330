import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../server/store/package-root.ts';
import { aCommand } from '../build/commands.ts';
import { askText } from '../graph/ask.ts';
import { anEnrollment } from '../graph/rows.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';

const page = readFileSync(join(packageRoot(), 'docs', 'commands.md'), 'utf8');
const examples = new Map(
  [...page.matchAll(/```graphql\n(\w+ (\w+)[\s\S]*?)```/g)].map(([, text = '', name = '']) => [
    name,
    text,
  ]),
);

describe('docs/commands.md', () => {
  let server: TestServer;
  const command = 'documented';
  const targets = { ids: ['DOCUMENTED'] };

  beforeAll(async () => {
    server = await startServer();
    await anEnrollment(server.store.database.graph, { id: 'DOCUMENTED' });
  });
  afterAll(() => server.stop());

  const graph = () => ({ url: `${server.url}/graphql` });
  const ask = async (name: string, variables: object) => {
    const { data, errors } = await askText(
      graph(),
      adminToken,
      examples.get(name) ?? '',
      variables,
    );
    expect(errors).toBeUndefined();
    return data;
  };

  it('has no other examples than are tried here', () => {
    const tried = ['Send', 'Follow', 'Failed', 'Open', 'Cancel', 'Retry', 'Hurry', 'Clear'];
    expect([...examples.keys()]).toEqual(tried);
  });

  it('sends, lists, moves and cancels a command, and shows who failed', async () => {
    const plist = aCommand(command);
    expect(await ask('Send', { targets, plist })).toMatchObject({
      enqueueCommand: { commandUuid: command, queuedCount: 1 },
    });
    expect(await ask('Open', { first: 5 })).toMatchObject({
      commands: { edges: [{ node: { uuid: command, progress: { pending: 1 } } }] },
    });
    expect(await ask('Hurry', { command })).toMatchObject({ setCommandPriority: { count: 1 } });
    expect(await ask('Cancel', { command, targets })).toMatchObject({
      cancelCommand: { count: 1, job: null },
    });
    expect(await ask('Failed', { command })).toMatchObject({ command: { targets: { edges: [] } } });
  });

  it('sends it once more, clears the queue, and follows to the end', async () => {
    expect(await ask('Retry', { command })).toMatchObject({ retryCommand: { queuedCount: 1 } });
    expect(await ask('Clear', { targets })).toMatchObject({ clearQueue: { count: 1 } });
    const response = await fetch(graph().url, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${adminToken}`,
        'Content-Type': 'application/json',
        Accept: 'text/event-stream',
      },
      body: JSON.stringify({ query: examples.get('Follow'), variables: { command } }),
    });
    // It ends by itself.
    expect(await response.text()).toContain('"finished":true');
  });
});
