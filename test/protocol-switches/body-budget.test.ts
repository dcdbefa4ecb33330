import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type TestServer } from '../harness/server.ts';

let server: TestServer;
const sockets: Socket[] = [];

beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await server.stop();
});

/** Announces a body of 10 MiB and waits for the server's first words. */
async function announce(): Promise<string> {
  const socket = connect(server.port, '127.0.0.1');
  socket.on('error', () => {});
  sockets.push(socket);
  socket.write(
    `PUT /mdm HTTP/1.1\r\nHost: x\r\nContent-Length: ${10 * 1024 * 1024}\r\nExpect: 100-continue\r\n\r\n`,
  );
  let heard = '';
  // "100 Continue" comes first in any case; a refusal comes right behind it.
  while (!/^HTTP\/1.1 100[^]*?\r\n\r\n/.test(heard))
    heard += String((await once(socket, 'data'))[0]);
  return heard;
}

describe('bodies that nobody has proved to be his', () => {
  it('hold a bounded amount of memory together: one too many is told to come again', async () => {
    for (let body = 0; body < 51; body++) await announce();
    const socket = connect(server.port, '127.0.0.1');
    sockets.push(socket);
    socket.write(`PUT /mdm HTTP/1.1\r\nHost: x\r\nContent-Length: ${10 * 1024 * 1024}\r\n\r\n`);
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1.1 503 Service Unavailable\r\n[^]*Retry-After: 30/);
    expect(server.log.map(({ reason }) => reason)).toContain('too-many-bodies');
    for (const one of sockets.splice(0)) one.destroy();
    await expect
      .poll(async () => (await fetch(server.deviceUrl, { method: 'PUT', body: 'x' })).status)
      .toBe(400);
  });
});
