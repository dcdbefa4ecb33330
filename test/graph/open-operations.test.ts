import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { schema } from '../../schema/schema.ts';
import { createHttpHandler } from '../../server/graphql/http.ts';
import { createOpenOperations } from '../../server/graphql/open-operations.ts';
import { createPipeline } from '../../server/graphql/yoga.ts';
import { silentLog } from '../../server/model/log.ts';
import { noMetrics } from '../../server/model/metrics.ts';
import type { Viewer } from '../../server/model/viewer.ts';

const viewer: Viewer = { actor: 'token:x', tokenId: 'x', tenant: 1, scopes: new Set() };

/** Watches that never end, and how many of them are held. */
function watches() {
  const held = new Set<object>();
  return {
    held,
    watch() {
      const one = { signal: new AbortController().signal, release: () => void held.delete(one) };
      held.add(one);
      return one;
    },
  };
}

it('what is opened once the server stops has ended already', () => {
  const operations = createOpenOperations(watches());
  const before = operations.open(viewer);
  expect(before.ended.aborted).toBe(false);
  operations.stop();
  expect(before.ended.aborted).toBe(true);
  expect(operations.open(viewer).ended.aborted).toBe(true);
});

const settings = { graphiql: false, introspection: true, bodyLimit: 1024 };
const access = watches();
const operations = createOpenOperations(access);
let askedFor = (): void => {};
let answer = (): void => {};
let closed: Promise<void> = Promise.resolve();
const handle = createHttpHandler({
  pipeline: createPipeline({
    schema,
    contextOf: () => ({}),
    settings,
    isUnavailable: () => false,
    log: silentLog,
    metrics: noMetrics,
  }),
  access: {
    viewerOf: () =>
      new Promise((resolve) => {
        answer = () => resolve(viewer);
        askedFor();
      }),
  },
  operations,
  settings,
});
let handled: Promise<void> = Promise.resolve();
const server = createServer((incoming, response) => {
  closed = new Promise((resolve) => void response.once('close', resolve));
  handled = handle(incoming, response);
});
beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(() => new Promise((resolve) => server.close(resolve)));

it('a caller who goes while his token is looked up leaves nothing open', async () => {
  const asked = new Promise<void>((resolve) => {
    askedFor = resolve;
  });
  const { port } = server.address() as AddressInfo;
  const call = request({ port, host: '127.0.0.1', path: '/graphql', method: 'POST' });
  call.on('error', () => {});
  call.end('{"query":"{ __typename }"}');
  await asked;
  call.destroy();
  await closed;
  answer();
  await handled.catch(() => {});
  expect(operations.count()).toBe(0);
  expect(access.held.size).toBe(0);
});
