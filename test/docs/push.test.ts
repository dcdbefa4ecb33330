import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../server/store/package-root.ts';
import { askText } from '../graph/ask.ts';
import { adminToken } from '../harness/server.ts';
import { type Apple, startApple } from '../push/apple.ts';
import { pushables, type PushServer, startPushServer } from '../push/push-server.ts';

const page = readFileSync(join(packageRoot(), 'docs', 'push.md'), 'utf8');
const examples = new Map(
  [...page.matchAll(/```graphql\n(\w+ (\w+)[\s\S]*?)```/g)].map(([, text = '', name = '']) => [
    name,
    text,
  ]),
);
const states = readFileSync(join(packageRoot(), 'schema', 'schema.graphql'), 'utf8').match(
  /^enum PushState \{([\s\S]*?)^\}/m,
)?.[1];

describe('docs/push.md', () => {
  let apple: Apple;
  let server: PushServer;
  let job = '';
  let after = '';

  beforeAll(async () => {
    apple = await startApple();
    server = await startPushServer(apple);
    await server.certify();
    await pushables(server.store, ['DOCUMENTED']);
  });
  afterAll(async () => {
    await server.stop();
    await apple.close();
  });

  const ask = async (name: string, variables: object) => {
    const { data, errors } = await askText(
      server.graph,
      adminToken,
      examples.get(name) ?? '',
      variables,
    );
    expect(errors).toBeUndefined();
    return data;
  };

  /** The first events of a subscription, as text, until one of them has the word. */
  async function stream(name: string, word: string): Promise<string> {
    const response = await fetch(server.graph.url, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${adminToken}`,
        'Content-Type': 'application/json',
        Accept: 'text/event-stream',
      },
      body: JSON.stringify({ query: examples.get(name), variables: { job, after } }),
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (reader !== undefined && !text.includes(word)) {
      const { value, done } = await reader.read();
      if (done) break;
      text += value;
    }
    await reader?.cancel();
    return text;
  }

  it('has no other examples than are tried here', () => {
    expect([...examples.keys()]).toEqual(['Wake', 'Outcomes', 'Progress', 'Stop', 'Standing']);
  });

  it('pushes, and shows the outcome', async () => {
    const data = await ask('Wake', { targets: { ids: ['DOCUMENTED'] } });
    expect(data).toMatchObject({
      pushEnrollments: {
        targetCount: 1,
        outcomes: [{ enrollmentId: 'DOCUMENTED', push: { state: 'ACCEPTED' } }],
      },
    });
    const { pushEnrollments } = data as {
      pushEnrollments: { job: { jobId: string }; cursor: string };
    };
    job = pushEnrollments.job.jobId;
    after = pushEnrollments.cursor;
  });

  it('follows it', async () => {
    expect(await stream('Outcomes', 'PushAcceptedEvent')).toContain('DOCUMENTED');
    expect(await stream('Progress', 'SUCCEEDED')).toContain('"total":1');
  });

  it('cancels, as far as there is something to cancel', async () => {
    expect(await ask('Stop', { job })).toMatchObject({ cancelJob: { code: 'JOB_STATE' } });
  });

  it('shows how it stands', async () => {
    expect(await ask('Standing', { id: 'DOCUMENTED' })).toMatchObject({
      enrollment: { push: { state: 'ACCEPTED', attempts: 0, retryAt: null } },
    });
  });

  it('explains every state that there is, and none that there is not', () => {
    const named = [...page.matchAll(/^\| (`[A-Z_`, ]+`) \|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`(\w+)`/g)].map(([, state = '']) => state),
    );
    const known = [...(states ?? '').matchAll(/^ {2}([A-Z_]+)$/gm)].map(([, state = '']) => state);
    expect(new Set(named)).toEqual(new Set(known));
    expect(known.length).toBeGreaterThan(10);
  });
});
