import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { type Answer, type Connection, openConnection } from './load/http.ts';

/** A server whose n-th connection is served like this. */
async function serve(each: (socket: Socket, number: number) => void): Promise<number> {
  let number = 0;
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    each(socket, (number += 1));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

function opened(port: number) {
  let resent = 0;
  const connection: Connection = openConnection('127.0.0.1', port, () => (resent += 1));
  onTestFinished(() => connection.close());
  const send = () =>
    new Promise<Answer | Error>((resolve) =>
      connection.send(Buffer.from('PUT / HTTP/1.1\r\n\r\n'), resolve),
    );
  return { send, resent: () => resent };
}

const well = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

it('sends again, once, what went out on a connection that the server closed while it was idle', async () => {
  const port = await serve((socket, number) => {
    let asked = 0;
    socket.on('data', () => {
      asked += 1;
      if (number === 1 && asked === 2) socket.destroy();
      else socket.write(well);
    });
  });
  const { send, resent } = opened(port);
  expect(await send()).toMatchObject({ status: 200 });
  expect(await send()).toMatchObject({ status: 200, body: Buffer.from('ok') });
  expect(resent()).toBe(1);
});

it('tells what is lost otherwise: on a new connection, or in the middle of an answer', async () => {
  const port = await serve((socket, number) =>
    socket.once('data', () => {
      if (number === 1) socket.destroy();
      else socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
    }),
  );
  const { send, resent } = opened(port);
  expect(await send()).toBeInstanceOf(Error);
  expect(await send()).toBeInstanceOf(Error);
  expect(resent()).toBe(0);
});

it('takes a new connection after an answer that says it is the last', async () => {
  const port = await serve((socket, number) =>
    socket.once('data', () =>
      socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n${number}`),
    ),
  );
  const { send, resent } = opened(port);
  expect(await send()).toMatchObject({ body: Buffer.from('1') });
  expect(await send()).toMatchObject({ body: Buffer.from('2') });
  expect(resent()).toBe(0);
});
