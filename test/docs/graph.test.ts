import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { TypedDocumentString } from '../../generated/gql/graphql.ts';
import { packageRoot } from '../../server/store/package-root.ts';
import { askText } from '../graph/ask.ts';
import { rawSocket, bySse } from '../graph/subscribe.ts';
import { adminToken } from '../harness/server.ts';
import { type Apple, startApple } from '../push/apple.ts';
import { type PushServer, startPushServer } from '../push/push-server.ts';
import { readPage } from './page.ts';

const page = readPage('graph.md');
const hasCurl = spawnSync('curl', ['--version']).status === 0;

let apple: Apple;
let server: PushServer;
let device: Device;

beforeAll(async () => {
  apple = await startApple();
  server = await startPushServer(apple);
  await server.certify();
  device = await server.device(1);
  await device.enrol();
});
afterAll(async () => {
  await server.stop();
  await apple.close();
});

async function example(name: string, variables: object = {}): Promise<Record<string, unknown>> {
  const text = page.operations.get(name);
  if (text === undefined) throw new Error(`The page shows no ${name}.`);
  const { data, errors } = await askText(server.graph, adminToken, text, variables);
  expect(errors).toBeUndefined();
  return Object(data);
}

/** Runs one of the page's commands until what it prints has a word in it. */
async function shell(at: number, word: string): Promise<string> {
  const child = spawn('/bin/sh', ['-c', `exec ${page.blocks('sh')[at] ?? 'false'}`], {
    env: { ...process.env, GRAPHMDM_URL: server.url, GRAPHMDM_TOKEN: adminToken },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  try {
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      said += String(chunk);
      if (said.includes(word)) break;
    }
  } finally {
    child.kill();
  }
  return said;
}

describe('docs/graph.md', () => {
  it.skipIf(!hasCurl)('begins with curl (skipped where there is none)', async () => {
    const answer: unknown = JSON.parse(await shell(0, '}}'));
    expect(answer).toMatchObject({ data: { viewer: { actor: 'token:admin' } } });
  });

  it('finds enrolments, all of them and one', async () => {
    expect(await example('Find')).toMatchObject({
      enrollments: { totalCount: 1, edges: [{ node: { enrollmentId: device.enrollmentId } }] },
    });
    expect(await example('One', { udid: device.enrollmentId })).toMatchObject({
      enrollment: { __typename: 'DeviceEnrollment', enrollmentId: device.enrollmentId },
    });
  });

  it('sends a command, once for its key', async () => {
    const variables = Object(JSON.parse(page.blocks('json')[0] ?? ''));
    const { enqueueCommand: sent } = await example('Send', variables);
    expect(sent).toMatchObject({ commandUuid: 'first', queuedCount: 1, replayed: false });
    expect((await device.channel.connect()).map(({ command }) => command.uuid)).toEqual(['first']);
    const { enqueueCommand: again } = await example('Send', variables);
    expect(again).toEqual({ ...Object(sent), replayed: true });
    const { enqueueCommand: other } = await example('Send', {
      input: { ...variables.input, priority: 1 },
    });
    expect(other).toMatchObject({ __typename: 'ConflictError', code: 'IDEMPOTENCY_KEY_REUSED' });
    const { enqueueCommand: nobody } = await example('Send', {
      input: { ...variables.input, targets: { filter: {} }, idempotencyKey: 'nobody' },
    });
    expect(nobody).toMatchObject({ __typename: 'ValidationError', path: expect.any(Array) });
  });

  it.skipIf(!hasCurl)('follows by curl (skipped where there is none)', async () => {
    expect(await shell(1, 'CommandAnsweredEvent')).toContain('EnrollmentAuthenticatedEvent');
  });

  it('follows by WebSocket, word for word', async () => {
    const [init = '', subscribe = ''] = (page.blocks('text')[0] ?? '').trim().split('\n');
    const socket = await rawSocket(
      server.graph,
      Object(JSON.parse(init.replace('TOKEN', adminToken))).payload,
    );
    expect(await socket.message(({ type }) => type === 'connection_ack')).toBeDefined();
    socket.send(Object(JSON.parse(subscribe)));
    const found = (message: object) => JSON.stringify(message).includes('CommandAnsweredEvent');
    expect(await socket.message(found)).toMatchObject({ id: '1', type: 'next' });
    socket.close();
  });

  it('tries without doing, and shows jobs and their progress', async () => {
    const targets = { ids: [device.enrollmentId] };
    expect(await example('HowMany', { targets })).toMatchObject({
      pushEnrollments: { targetCount: 1, validateOnly: true },
    });
    const text = (page.operations.get('HowMany') ?? '')
      .replace(', validateOnly: true', '')
      .replace('targetCount', 'job { jobId }');
    const { data } = await askText(server.graph, adminToken, text, { targets });
    const job: unknown = Object(data).pushEnrollments.job.jobId;
    const progress = new TypedDocumentString<unknown, { job: unknown }>(
      page.operations.get('Progress') ?? '',
    );
    const subscribed = await bySse(server.graph, adminToken, progress, { job });
    let item = '';
    while (!item.includes('"SUCCEEDED"')) item = JSON.stringify((await subscribed.next()).value);
    await subscribed.close();
    expect(await example('Work')).toMatchObject({
      jobs: { edges: [{ node: { jobId: job, state: 'SUCCEEDED', done: 1 } }] },
    });
  });

  it('has no operations but those tried here', () => {
    expect([...page.operations.keys()]).toEqual([
      'Find',
      'One',
      'Send',
      'HowMany',
      'Work',
      'Progress',
    ]);
  });
});

describe.each(['graph.md', 'from-nanomdm.md', 'events.md', 'clients.md'])('docs/%s', (name) => {
  it('leads only to pages that are there', () => {
    const links = [...readPage(name).text.matchAll(/\]\(([\w-]+\.md)/g)].map(([, to = '']) => to);
    expect(links.filter((to) => !existsSync(join(packageRoot(), 'docs', to)))).toEqual([]);
  });
});
