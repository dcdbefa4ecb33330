import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createToken } from '../../server/access/tokens.ts';
import { scopes } from '../../server/model/viewer.ts';
import { insertToken } from '../../server/store/tokens.ts';
import { longestLine } from '../../server/mdm/uploads/lines.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { createUpload, upload } from './documents.ts';

describe('an upload', () => {
  let server: TestServer;
  const graph = () => ({ url: `${server.url}/graphql` });

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());

  async function made(token = adminToken, idempotencyKey?: string) {
    const { createUpload: answer } = await dataOf(
      ask(graph(), token, createUpload, { input: idempotencyKey ? { idempotencyKey } : {} }),
    );
    if (answer.__typename !== 'CreateUploadPayload') throw new Error(JSON.stringify(answer));
    return answer;
  }

  async function put(url: string, body: string | Uint8Array<ArrayBuffer>, more: object = {}) {
    const response = await fetch(`${server.url}${url}`, {
      method: 'PUT',
      body,
      headers: { Authorization: `Bearer ${adminToken}` },
      ...more,
    });
    return { status: response.status, ...(await response.json()) };
  }

  const standing = async (id: string) =>
    (await dataOf(ask(graph(), adminToken, upload, { id }))).upload;

  const tenantToken = async (wanted: typeof scopes | readonly ['enrollments:write']) => {
    const pool = server.store.database.graph;
    const made = await createToken((token) => insertToken(pool, token), {
      name: randomBytes(4).toString('hex'),
      scopes: wanted,
      tenant: 1,
      expiresAt: null,
    });
    return made.token;
  };

  it('takes a file, counts its lines and keeps them sealed', async () => {
    const { url, uploadId } = await made();
    expect(await put(url, '\ufeff{"kind":"one"}\r\n\n  \n{"kind":"planted-secret"}')).toEqual({
      status: 200,
      uploadId,
      lines: 2,
      bytes: 48,
    });
    expect(await standing(uploadId)).toMatchObject({ state: 'READY', lines: 2, problem: null });
    const { rows } = await server.store.database.graph.query<{ line: number; content: Buffer }>(
      'select line, content from upload_line where upload_id = $1 order by line',
      [uploadId],
    );
    expect(rows.map(({ line }) => line)).toEqual([1, 4]);
    expect(rows.some(({ content }) => content.includes('planted'))).toBe(false);
  });

  it('takes gzip, and thousands of lines', async () => {
    const { url, uploadId } = await made();
    const body = gzipSync('{"kind":"tally"}\n'.repeat(3_000));
    const gzip = { Authorization: `Bearer ${adminToken}`, 'Content-Encoding': 'gzip' };
    expect(await put(url, Uint8Array.from(body), { headers: gzip })).toMatchObject({
      status: 200,
      lines: 3_000,
    });
    const cut = await made();
    const broken = Uint8Array.from(body.subarray(0, body.length - 20));
    expect(await put(cut.url, broken, { headers: gzip })).toMatchObject({
      status: 400,
      code: 'BAD_GZIP',
    });
    expect(await standing(cut.uploadId)).toMatchObject({ state: 'FAILED' });
    expect(await standing(uploadId)).toMatchObject({ state: 'READY' });
  });

  it('is filled once', async () => {
    const { url } = await made();
    expect(await put(url, 'a')).toMatchObject({ status: 200 });
    expect(await put(url, 'a')).toMatchObject({ status: 409, code: 'UPLOAD_USED' });
  });

  it('is not there for another token, without a token, or without the scopes', async () => {
    const { url } = await made();
    const other = await tenantToken(scopes);
    const by = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });
    expect(await put(url, 'a', by(other))).toMatchObject({ status: 404, code: 'UNKNOWN_UPLOAD' });
    expect(await put('/uploads/none', 'a')).toMatchObject({ status: 404, code: 'UNKNOWN_UPLOAD' });
    expect(await put(url, 'a', { headers: {} })).toMatchObject({ status: 401 });
    const narrow = await tenantToken(['enrollments:write']);
    expect(await put(url, 'a', by(narrow))).toMatchObject({ status: 403, code: 'MISSING_SCOPE' });
    const { createUpload: refused } = await dataOf(
      ask(graph(), narrow, createUpload, { input: {} }),
    );
    expect(refused).toMatchObject({ __typename: 'ForbiddenError' });
    expect(await put(url, 'a', { method: 'POST' })).toMatchObject({ status: 405 });
    expect(await put(url, 'a')).toMatchObject({ status: 200 });
  });

  it('ends with its time', async () => {
    const { url, uploadId } = await made();
    await server.store.database.graph.query('update upload set expires_at = now() where id = $1', [
      uploadId,
    ]);
    expect(await put(url, 'a')).toMatchObject({ status: 410, code: 'UPLOAD_EXPIRED' });
  });

  it('says which line is not UTF-8, or too long, and that the file is empty', async () => {
    const bad = await made();
    expect(await put(bad.url, Uint8Array.from([0x61, 0x0a, 0xff, 0xfe, 0x0a, 0x62]))).toMatchObject(
      { status: 400, code: 'NOT_UTF8', line: 2 },
    );
    expect(await standing(bad.uploadId)).toMatchObject({ state: 'FAILED', problemLine: 2 });
    const long = await made();
    expect(await put(long.url, `a\nb\n${'c'.repeat(longestLine + 1)}`)).toMatchObject({
      status: 413,
      code: 'LINE_TOO_LONG',
      line: 3,
    });
    const empty = await made();
    expect(await put(empty.url, '\n \n')).toMatchObject({ status: 400, code: 'EMPTY' });
  });

  it('that is cut in the middle has failed, in the line where it ends', async () => {
    const { url, uploadId } = await made();
    const socket = connect(server.port, '127.0.0.1');
    socket.write(
      `PUT ${url} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${adminToken}\r\n` +
        `Content-Length: 100000\r\n\r\n${'{"kind":"one"}\n'.repeat(600)}{"kind":"tw`,
    );
    const { graph: pool } = server.store.database;
    const kept = async () =>
      (await pool.query('select from upload_line where upload_id = $1', [uploadId])).rowCount;
    while ((await kept()) === 0);
    socket.end();
    await new Promise((resolve) => socket.once('close', resolve).resume());
    let found = await standing(uploadId);
    while (found?.state !== 'FAILED') found = await standing(uploadId);
    expect(found).toMatchObject({ problemLine: 601 });
    expect(found.problem).toContain('did not arrive whole');
  });

  it('is made once for each idempotency key', async () => {
    const first = await made(adminToken, 'one');
    expect(await made(adminToken, 'one')).toEqual({ ...first, replayed: true });
  });
});
