import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { issueIdentity, makeAuthority } from '../../clients/simulator/identity.ts';
import { type RawRequest, sendRaw, signedBy } from '../build/raw-request.ts';
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
    startServer({ flags: ['--auth-proxy-url', `${target.url}/pfx`] }),
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

/** A request signed by an identity. */
function send(path: string, more: Partial<RawRequest> = {}, identity = device.identity) {
  const body = Buffer.isBuffer(more.body) ? more.body : Buffer.alloc(0);
  const headers = { ...signedBy(identity, body), ...more.headers };
  return sendRaw({ url: server.url, method: 'GET', path, ...more, body, headers });
}

describe('a proxied request', () => {
  it('reaches the target below its path, with method, query and body', async () => {
    const body = Buffer.from('{"a":1}');
    target.answer = () => ({
      status: 418,
      headers: { 'X-Own': 'y', 'Set-Cookie': 'c=1' },
      body: 'tea',
    });
    const reply = await send('/authproxy/foo/b%20r?a=1&a=2&b=/../x', {
      method: 'PATCH',
      body,
      headers: { 'Content-Type': 'application/json', Cookie: 'd=2', Authorization: 'Bearer own' },
    });
    expect(reply).toMatchObject({
      status: 418,
      headers: { 'x-own': 'y', 'set-cookie': ['c=1'] },
    });
    expect(reply.body.toString()).toBe('tea');
    expect(target.asked).toMatchObject([
      {
        method: 'PATCH',
        url: '/pfx/foo/b%20r?a=1&a=2&b=/../x',
        body,
        headers: { 'content-type': 'application/json', cookie: 'd=2', authorization: 'Bearer own' },
      },
    ]);
  });

  it('tells the target who asks, whatever the device says of that', async () => {
    await send('/authproxy/', {
      headers: {
        'X-Enrollment-ID': 'spoofed',
        X_Enrollment_ID: 'spoofed',
        'X-Enrollment_ID': 'spoofed',
        'X-Enrollment-Type': 'spoofed',
        'X-Trace-ID': 'spoofed',
        X_Forwarded_For: 'spoofed',
        'X-Forwarded-For': '192.0.2.1',
        Host: 'spoofed.example.com',
      },
    });
    const [asked] = target.asked;
    expect(asked?.url).toBe('/pfx/');
    expect(asked?.headers).toMatchObject({
      'x-enrollment-id': device.facts.udid,
      'x-trace-id': expect.stringMatching(/^[\da-f]{32}$/),
      'x-forwarded-for': '192.0.2.1, 127.0.0.1',
      host: `127.0.0.1:${target.port}`,
    });
    expect(asked?.headers).not.toHaveProperty('mdm-signature');
    expect(JSON.stringify(asked?.headers)).not.toContain('spoofed');
  });

  it('carries the trace id that came with it', async () => {
    const traceId = 'abcdefabcdefabcdefabcdefabcdefab';
    await send('/authproxy/x', { headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-00` } });
    expect(target.asked[0]?.headers['x-trace-id']).toBe(traceId);
  });

  it('leaves out what is about one connection, but nothing that is ours', async () => {
    const reply = await send('/authproxy/x', {
      headers: {
        Connection: 'keep-alive, X-Enrollment-ID, x-forwarded-for, X-Gone, Host',
        'Keep-Alive': 'timeout=5',
        'Proxy-Authorization': 'Basic x',
        TE: 'trailers',
        'X-Gone': '1',
        'X-Kept': '2',
      },
    });
    expect(reply.status).toBe(200);
    const headers = target.asked[0]?.headers ?? {};
    expect(headers).toMatchObject({
      'x-enrollment-id': device.facts.udid,
      'x-forwarded-for': '127.0.0.1',
      host: `127.0.0.1:${target.port}`,
      'x-kept': '2',
    });
    for (const name of ['keep-alive', 'proxy-authorization', 'te', 'x-gone']) {
      expect(headers).not.toHaveProperty(name);
    }
  });

  it.each([
    [200, {}],
    [204, {}],
    [301, { Location: 'https://elsewhere.example.com/' }],
    [401, { 'WWW-Authenticate': 'Basic realm="target"' }],
    [403, { 'Content-Type': 'application/json' }],
    [503, { 'Retry-After': '7' }],
  ])('is answered %i as the target answers it', async (status, headers) => {
    target.answer = () => ({ status, headers, body: status === 204 ? '' : 'its own' });
    const reply = await send('/authproxy/x');
    expect(reply.status).toBe(status);
    const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
    expect(reply.headers).toMatchObject(Object.fromEntries(lower));
    expect(reply.body.toString()).toBe(status === 204 ? '' : 'its own');
    expect(target.asked).toHaveLength(1);
  });

  it('is an empty 502 while the target is down', async () => {
    target.answer = (_asked, response) => {
      response.destroy();
      return null;
    };
    const reply = await send('/authproxy/x');
    expect([reply.status, reply.body.length]).toEqual([502, 0]);
    const gone = await startUpstream();
    await gone.close();
    const orphan = await startServer({ flags: ['--auth-proxy-url', gone.url] });
    const own = await orphan.device(1);
    await own.enrol();
    const refused = await send('/authproxy/x', { url: orphan.url }, own.identity);
    await orphan.stop();
    expect([refused.status, refused.body.length]).toEqual([502, 0]);
  });
});

describe('the authentication proxy', () => {
  it('refuses who shows no certificate, or none of the authority', async () => {
    const bare = await sendRaw({ url: server.url, method: 'GET', path: '/authproxy/x' });
    expect([bare.status, bare.body.toString()]).toEqual([400, 'Bad Request\n']);
    const other = await makeAuthority({ key: 'ec' });
    const identity = await issueIdentity(other, { commonName: 'stranger' });
    const foreign = await send('/authproxy/x', {}, identity);
    expect([foreign.status, foreign.body.toString()]).toEqual([400, 'Bad Request\n']);
    expect(target.asked).toEqual([]);
  });

  it('refuses a certificate that is bound to no device', async () => {
    const { identity } = await server.device(2);
    const reply = await send('/authproxy/x', {}, identity);
    expect([reply.status, reply.body.toString()]).toEqual([400, 'Unauthorized\n']);
    expect(target.asked).toEqual([]);
  });

  it('refuses a certificate that was replaced', async () => {
    const renewing = await server.device(3);
    await renewing.enrol();
    const before = renewing.identity;
    await renewing.reenrol(await issueIdentity(server.authority, { commonName: 'next' }));
    expect((await send('/authproxy/x', {}, before)).body.toString()).toBe('Unauthorized\n');
    expect((await send('/authproxy/x', {}, renewing.identity)).status).toBe(200);
  });

  it.each([
    ...['/authproxy/..', '/authproxy/../x', '/authproxy/a/../../x', '/authproxy/./x'],
    ...['/authproxy/%2e%2e/x', '/authproxy/%2E./x', '/authproxy/.%2e/x', '/authproxy/a/%2e%2e'],
    ...['/authproxy/..%2fx', '/authproxy/%252e%252e/x', '/authproxy/%25252e%25252e%25252fx'],
    ...['/authproxy/..%5cx', '/authproxy/..\\x', '/authproxy/a%00b', '/authproxy/a%0d%0ax'],
    ...['/authproxy/%ff/%2e%2e/%2e%2e/x', '/authproxy/%/%2e%2e/x', '/authproxy/%c0%ae%c0%ae/x'],
    ...['/authproxy/..;/x', '/authproxy/..;a=b/x', '/authproxy/%2e%2e%3bx/x'],
  ])('answers 400 to %s, and asks nobody', async (path) => {
    const from = server.log.length;
    expect([path, (await send(path)).status]).toEqual([path, 400]);
    expect(server.log.slice(from)).toMatchObject([{ reason: 'bad-path' }]);
    expect(target.asked).toEqual([]);
  });

  it.each([
    ['/authproxy//127.0.0.1/x', '/pfx//127.0.0.1/x'],
    ['/authproxy/@127.0.0.1', '/pfx/@127.0.0.1'],
    ['/authproxy/a..b/...?..=%2e%2e', '/pfx/a..b/...?..=%2e%2e'],
    ['/authproxy/%ff%zz', '/pfx/%ff%zz'],
  ])('passes %s on as %s', async (path, url) => {
    expect((await send(path)).status).toBe(200);
    expect(target.asked.map((asked) => asked.url)).toEqual([url]);
  });

  it('asks no other server, though the request may name a whole URL', async () => {
    const elsewhere = await startUpstream();
    const host = `127.0.0.1:${elsewhere.port}`;
    for (const start of ['http://abc@', 'http://ab:@', 'http://a@', 'http://']) {
      const reply = await sendRaw({
        url: streaming.url,
        method: 'GET',
        path: `${start}${host}/authproxy/x`,
        headers: named(streamed.identity),
      });
      expect([start, reply.status]).toEqual([start, 400]);
    }
    await elsewhere.close();
    expect([...elsewhere.asked, ...target.asked]).toEqual([]);
  });

  it.each(['/authproxy', '/authproxyx', '/Authproxy/', '//authproxy/x'])(
    'is not at %s: 404, no redirect',
    async (path) => {
      const reply = await send(path);
      expect(reply.status).toBe(404);
      expect(reply.headers.location).toBeUndefined();
    },
  );

  it('is nowhere without its setting', async () => {
    const without = await startServer();
    const reply = await send('/authproxy/x', { url: without.url });
    await without.stop();
    expect(reply.status).toBe(404);
  });

  it('closes the connection of a signed body that is too large', async () => {
    const body = Buffer.alloc(10 * 1024 * 1024 + 1);
    const reply = await sendRaw({ url: `${server.url}/authproxy/x`, body });
    expect([reply.status, reply.headers.connection]).toEqual([413, 'close']);
  });
});
