import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { askText } from './ask.ts';
import { type GraphServer, startGraph } from './graph-server.ts';

let server: GraphServer;

beforeAll(async () => {
  server = await startGraph();
});

afterAll(() => server.stop());

/** Asks to speak WebSocket at a target, as no client library would let us write it. */
function upgrade(target: string, version = 13): Promise<Socket> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(
        `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          `Sec-WebSocket-Version: ${version}\r\n` +
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
        () => resolve(socket),
      );
    });
    socket.on('error', reject);
  });
}

async function answerTo(target: string, version?: number): Promise<string> {
  let text = '';
  for await (const chunk of await upgrade(target, version)) text += String(chunk);
  return text;
}

it.each(['/', '//', '//:0', '/graphqlx', 'http://[/', '/mdm?x=/graphql'])(
  'a WebSocket is refused at %s, and the server lives on',
  async (target) => {
    expect(await answerTo(target)).toMatch(/^HTTP\/1\.1 404 /);
    const { token } = await server.token();
    expect((await askText(server, token, '{ __typename }')).status).toBe(200);
  },
);

it('a WebSocket that cannot be spoken is refused, and its connection does not stay', async () => {
  expect(await answerTo('/graphql', 1)).toMatch(/^HTTP\/1\.1 400 /);
});

it('a refused client that cuts its connection does no harm', async () => {
  const sockets = await Promise.all(Array.from({ length: 20 }, () => upgrade('/elsewhere')));
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise((resolve) => {
          socket.once('close', resolve);
          socket.resetAndDestroy();
        }),
    ),
  );
  const { token } = await server.token();
  expect((await askText(server, token, '{ __typename }')).status).toBe(200);
});
