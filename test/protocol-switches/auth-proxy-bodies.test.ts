import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { sendRaw, signedBy } from '../build/raw-request.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { byHeader, certHeader, named } from './by-header.ts';
import { type Upstream, startUpstream } from './upstream.ts';

let target: Upstream;
let server: TestServer;
/** Takes certificates from a header, so that it need not read a body before it passes it on. */
let streaming: TestServer;
let device: Device;
let streamed: Device;

beforeAll(async () => {
  target = await startUpstream();
  [server, streaming] = await Promise.all([
    startServer({ flags: ['--auth-proxy-url', target.url] }),
    startServer({ flags: ['--auth-proxy-url', target.url, '--cert-header', certHeader] }),
  ]);
  device = await server.device(1);
  await device.enrol();
  streamed = await byHeader(streaming, 1);
});
afterAll(() => Promise.all([server.stop(), streaming.stop(), target.close()]));
afterEach(() => {
  target.asked.length = 0;
  target.answer = () => ({});
});

/** A signed request of the device. */
function send(path: string, method: string, body: Buffer) {
  const headers = signedBy(device.identity, body);
  return sendRaw({ url: server.url, method, path, body, headers });
}

describe('the body of a proxied request', () => {
  const inside = 'GET /inside HTTP/1.1\r\nHost: x\r\nX-Enrollment-ID: victim\r\n\r\n';

  it.each([
    [
      'chunked',
      `Transfer-Encoding: chunked\r\n\r\n${inside.length.toString(16)}\r\n${inside}\r\n0\r\n\r\n`,
    ],
    ['with its length', `Content-Length: ${inside.length}\r\n\r\n${inside}`],
    [
      'with a length that Connection names',
      `Content-Length: ${inside.length}\r\nConnection: Content-Length, close\r\n\r\n${inside}`,
    ],
    [
      'chunked, which Connection names',
      `Transfer-Encoding: chunked\r\nConnection: Transfer-Encoding\r\n\r\n${inside.length.toString(16)}\r\n${inside}\r\n0\r\n\r\n`,
    ],
  ])('is never taken for a request of its own (GET, %s)', async (_how, rest) => {
    const ways: readonly [TestServer, string][] = [
      [server, `Mdm-Signature: ${signedBy(device.identity, Buffer.from(inside))['Mdm-Signature']}`],
      [streaming, `${certHeader}: ${named(streamed.identity)[certHeader]}`],
    ];
    for (const [at, proof] of ways) {
      target.asked.length = 0;
      const socket = connect(at.port, '127.0.0.1');
      socket.write(`GET /authproxy/outside HTTP/1.1\r\nHost: x\r\n${proof}\r\n${rest}`);
      await once(socket, 'data');
      socket.destroy();
      // The target has its own connection to end before it could take what is inside for another one.
      await send('/authproxy/after', 'GET', Buffer.alloc(0));
      expect(target.asked.map(({ url }) => url)).toEqual(['/outside', '/after']);
      expect(target.asked[0]?.body.toString()).toBe(inside);
    }
  });

  it('of 5 MB passes whole in both directions', async () => {
    const body = randomBytes(5 * 1024 * 1024);
    const back = randomBytes(5 * 1024 * 1024);
    target.answer = () => ({ headers: { 'Content-Type': 'application/octet-stream' }, body: back });
    const hash = (bytes: Buffer | undefined) =>
      createHash('sha256')
        .update(bytes ?? '')
        .digest('hex');
    const replies = [
      await send('/authproxy/x', 'PUT', body),
      await sendRaw({
        url: `${streaming.url}/authproxy/x`,
        headers: named(streamed.identity),
        body,
      }),
      await sendRaw({
        url: `${streaming.url}/authproxy/x`,
        headers: named(streamed.identity),
        body: [body.subarray(0, 1_000_000), body.subarray(1_000_000)],
      }),
    ];
    for (const reply of replies) expect(hash(reply.body)).toBe(hash(back));
    expect(target.asked.map((asked) => hash(asked.body))).toEqual([
      hash(body),
      hash(body),
      hash(body),
    ]);
  });

  it('is streamed both ways: the target answers a part before the next one is sent', async () => {
    const echo = createServer((incoming, outgoing) => incoming.pipe(outgoing));
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    const { port } = echo.address() as AddressInfo;
    const flags = ['--auth-proxy-url', `http://127.0.0.1:${port}`, '--cert-header', certHeader];
    const at = await startServer({ flags });
    const own = await byHeader(at, 1);
    const sent = request(`${at.url}/authproxy/x`, { method: 'POST', headers: named(own.identity) });
    const answered = once(sent, 'response');
    sent.write('one');
    const [answer] = await answered;
    answer.setEncoding('utf8');
    expect(await once(answer, 'data')).toEqual(['one']);
    sent.write('two');
    expect(await once(answer, 'data')).toEqual(['two']);
    sent.end();
    await once(answer.resume(), 'end');
    echo.close();
    await at.stop();
  });

  it('need not be read by a target that answers at once', async () => {
    const sockets: Socket[] = [];
    const hasty = createServer((_incoming, outgoing) => outgoing.writeHead(401).end('no'));
    hasty.on('connection', (socket) => sockets.push(socket));
    await new Promise<void>((resolve) => hasty.listen(0, '127.0.0.1', resolve));
    const { port } = hasty.address() as AddressInfo;
    const flags = ['--auth-proxy-url', `http://127.0.0.1:${port}`, '--cert-header', certHeader];
    const at = await startServer({ flags });
    const own = await byHeader(at, 1);
    const headers = { ...named(own.identity), 'Content-Length': '1000000' };
    const sent = request(`${at.url}/authproxy/x`, { method: 'POST', headers });
    const answered = once(sent, 'response');
    sent.write('a part');
    const [answer] = await answered;
    expect(answer.statusCode).toBe(401);
    sent.destroy();
    hasty.close();
    for (const socket of sockets) socket.destroy();
    await at.stop();
  });

  it('that the client breaks off ends the target’s request too', async () => {
    const left = new Promise<void>((resolve) => {
      const waiting = createServer((incoming) => incoming.on('error', () => resolve()).resume());
      waiting.listen(0, '127.0.0.1', () => opened(waiting.address() as AddressInfo, waiting));
    });
    let end = (): Promise<unknown> => Promise.resolve();
    async function opened({ port }: AddressInfo, waiting: ReturnType<typeof createServer>) {
      const flags = ['--auth-proxy-url', `http://127.0.0.1:${port}`, '--cert-header', certHeader];
      const at = await startServer({ flags });
      end = async () => {
        waiting.close();
        await at.stop();
      };
      const own = await byHeader(at, 1);
      waiting.once('request', () => sent.destroy());
      const headers = { ...named(own.identity), 'Content-Length': '1000000' };
      const sent = request(`${at.url}/authproxy/x`, { method: 'POST', headers });
      sent.on('error', () => {});
      sent.write('a part');
    }
    await left;
    await end();
  });
});
