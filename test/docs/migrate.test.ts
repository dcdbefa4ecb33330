import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from '../../clients/cli/parse.ts';
import { table } from '../../clients/cli/table.ts';
import { packageRoot } from '../../server/store/package-root.ts';
import { askText } from '../graph/ask.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { ended, graphOf } from '../migration/stage.ts';

const page = readFileSync(join(packageRoot(), 'docs', 'migrate.md'), 'utf8');
const examples = new Map(
  [...page.matchAll(/```graphql\n(\w+ (\w+)[\s\S]*?)```/g)].map(([, text = '', name = '']) => [
    name,
    text,
  ]),
);
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    ([, text = '']) => text,
  );

interface Started {
  readonly url: string;
  readonly uploadId: string;
  readonly cursor: string;
  readonly job: { readonly jobId: string };
}

describe('docs/migrate.md', () => {
  const folder = mkdtempSync(join(tmpdir(), 'graphmdm-docs-'));
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
    writeFileSync(join(folder, 'records.ndjson'), blocks('json')[0] ?? '');
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs a mutation of the page. */
  async function run(name: string, variables: object = {}): Promise<Started> {
    const query = examples.get(name) ?? '';
    const { data, errors } = await askText(graphOf(server), adminToken, query, variables);
    expect(errors).toBeUndefined();
    return Object(Object.values(Object(data))[0]);
  }

  const shell = (script: string, url: string) =>
    promisify(execFile)('bash', ['-c', script], {
      cwd: folder,
      env: { ...process.env, TOKEN: adminToken, SERVER: server.url, URL: url, no_proxy: '*' },
    });

  it('has no other examples than are tried here', () => {
    expect([...examples.keys()]).toEqual(['Place', 'Import', 'Follow', 'Errors', 'Export']);
    expect(blocks('sh')).toHaveLength(2);
  });

  it('has command lines that the program understands', () => {
    const lines = blocks('console').flatMap((block) => block.trimEnd().split('\n'));
    expect(lines).toContain('$ graphmdm import nanomdm --verify');
    for (const line of lines) {
      const words = /^\$ graphmdm (.+)$/.exec(line)?.[1]?.split(' ');
      if (words === undefined) continue;
      const command = table.find((one) => one.words.every((word, n) => words[n] === word));
      if (command === undefined) throw new Error(line);
      const { json } = parse(command, words.slice(command.words.length));
      for (const field of json ?? []) expect(Object.keys(command.fields ?? {})).toContain(field);
    }
  });

  it('imports the file of the example, and lists the line that is wrong', async () => {
    const [put = ''] = blocks('sh');
    const { url, uploadId } = await run('Place');
    const { stdout } = await shell(put, url);
    expect(JSON.parse(stdout)).toMatchObject({ lines: 4 });
    const { job, cursor } = await run('Import', { uploadId });
    await ended(server, { jobId: job.jobId, cursor });
    expect(await run('Errors', { job: job.jobId })).toMatchObject({
      state: 'SUCCEEDED',
      done: 3,
      failed: 1,
      errors: { edges: [{ node: { line: 4, code: 'UNKNOWN_ENROLLMENT', subject: 'E-2' } }] },
    });
    const response = await fetch(graphOf(server).url, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${adminToken}`,
        'Content-Type': 'application/json',
        Accept: 'text/event-stream',
      },
      body: JSON.stringify({
        query: examples.get('Follow'),
        variables: { job: job.jobId, after: cursor },
      }),
    });
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      if (text.includes('SUCCEEDED')) break;
    }
    expect(text).toContain('"total":4');
  });

  it('exports what was imported', async () => {
    const [, get = ''] = blocks('sh');
    const { job, cursor, url } = await run('Export');
    await ended(server, { jobId: job.jobId, cursor });
    await shell(get, url);
    const file = readFileSync(join(folder, 'export.ndjson'), 'utf8');
    expect(file).toContain('"enrollment":"E-1"');
  });
});
