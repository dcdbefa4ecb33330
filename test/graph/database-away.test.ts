import { once } from 'node:events';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Device } from '../../clients/simulator/device.ts';
import { withDatabase } from '../harness/lanes.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';

let server: TestServer;
let admin: Client;
let device: Device;
const name = () => new URL(server.store.url.replace('@/', '@localhost/')).pathname.slice(1);

beforeAll(async () => {
  server = await startServer();
  device = await server.device(1);
  await device.enrol();
  admin = new Client({ connectionString: withDatabase(server.store.url, 'postgres') });
  await admin.connect();
});
afterAll(async () => {
  await admin.query(`alter database ${name()} allow_connections true`);
  await admin.end();
  await server.stop();
});

/** Nobody gets a connection, and those that there were are gone. */
async function goAway(): Promise<void> {
  await admin.query(`alter database ${name()} allow_connections false`);
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [
    name(),
  ]);
}

async function ask(token: string): Promise<Response> {
  return await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ query: '{ enrollments(first: 1) { totalCount } }' }),
  });
}

it('is said so, with a code that has clients try again, whether the token is known or not', async () => {
  expect((await ask(adminToken)).status).toBe(200);
  await goAway();
  for (const token of [adminToken, 'not-seen-before-and-long-enough']) {
    const answer = await ask(token);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/);
    expect(await answer.json()).toMatchObject({
      errors: [
        { message: expect.stringContaining('try again'), extensions: { code: 'UNAVAILABLE' } },
      ],
    });
  }
  const socket = new WebSocket(
    `${server.url.replace('http', 'ws')}/graphql`,
    'graphql-transport-ws',
  );
  await once(socket, 'open');
  socket.send(
    JSON.stringify({
      type: 'connection_init',
      payload: { Authorization: 'Bearer not-seen-before-and-long-enough' },
    }),
  );
  const [code] = await once(socket, 'close');
  expect(code).toBe(1013);

  await expect(device.channel.connect()).rejects.toThrow('503');
});
