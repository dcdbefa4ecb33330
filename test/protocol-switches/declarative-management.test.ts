import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Channel } from '../../clients/simulator/channel.ts';
import { deviceFacts } from '../../clients/simulator/facts.ts';
import { createDmUpstream } from '../../server/http/dm-upstream.ts';
import { silentLog } from '../../server/model/log.ts';
import { Refusal } from '../../server/model/refusal.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { refusalsSince } from '../device/stored.ts';
import { checkInType, sendRaw, signedBy } from '../build/raw-request.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { binaryPlist } from '../protocol/binary-plist.ts';
import { type Upstream, startUpstream } from './upstream.ts';

const [sendKey, receiveKey] = ['key to send', 'key to receive'];
let upstream: Upstream;
let elsewhere: Upstream;
/** `--dm` with a final slash; the others without, and with keys. */
let plain: TestServer;
let unslashed: TestServer;
let signed: TestServer;

beforeAll(async () => {
  [upstream, elsewhere] = await Promise.all([startUpstream(), startUpstream()]);
  const keys = ['--dm-send-hmac-key', sendKey, '--dm-recv-hmac-key', receiveKey];
  [plain, unslashed, signed] = await Promise.all([
    startServer({ flags: ['--dm', `${upstream.url}/base/`] }),
    startServer({ flags: ['--dm', `${upstream.url}/base`] }),
    startServer({ flags: ['--dm', `${upstream.url}/`, ...keys] }),
  ]);
});
afterAll(() =>
  Promise.all(
    [plain, unslashed, signed]
      .map((server) => server.stop())
      .concat([upstream, elsewhere].map((one) => one.close())),
  ),
);
afterEach(() => {
  upstream.answer = () => ({});
  upstream.asked.length = 0;
});

let devices = 0;
async function enrolled(server = plain) {
  const device = await server.device(devices++);
  await device.enrol();
  return device;
}

const ask = (channel: Channel, endpoint: string, data?: Buffer) =>
  channel.checkIn('DeclarativeManagement', {
    Endpoint: endpoint,
    ...(data !== undefined && { Data: data }),
  });

function hmac(key: string, body: string | Buffer): string {
  return createHmac('sha256', key).update(body).digest('base64');
}

describe('a declarative-management request', () => {
  it('is a GET of the endpoint below the base, and its answer passes as it is', async () => {
    const device = await enrolled();
    upstream.answer = () => ({
      headers: { 'Content-Type': 'application/json; v=1' },
      body: '{"SyncTokens":{}}',
    });
    const reply = await ask(device.channel, 'tokens');
    expect(reply).toMatchObject({ status: 200, contentType: 'application/json; v=1' });
    expect(reply.body.toString()).toBe('{"SyncTokens":{}}');
    expect(upstream.asked).toMatchObject([{ method: 'GET', url: '/base/tokens' }]);
    expect(upstream.asked[0]?.headers).not.toHaveProperty('content-type');
    expect(upstream.asked[0]?.headers).not.toHaveProperty('x-hmac-signature');
  });

  it('is a PUT of JSON when it brings data', async () => {
    const device = await enrolled();
    const reply = await ask(device.channel, 'status', Buffer.from('{"StatusItems":{}}'));
    expect(reply).toMatchObject({ status: 200, contentType: '' });
    expect(reply.body).toHaveLength(0);
    const [asked] = upstream.asked;
    expect(asked).toMatchObject({
      method: 'PUT',
      url: '/base/status',
      headers: { 'content-type': 'application/json' },
    });
    expect(asked?.body.toString()).toBe('{"StatusItems":{}}');
  });

  it('is a GET when its data is empty', async () => {
    await ask((await enrolled()).channel, 'declaration-items', Buffer.alloc(0));
    expect(upstream.asked).toMatchObject([{ method: 'GET', url: '/base/declaration-items' }]);
  });

  it('replaces the last part of a base without a final slash, as NanoMDM’s', async () => {
    await ask((await enrolled(unslashed)).channel, 'tokens');
    expect(upstream.asked.map(({ url }) => url)).toEqual(['/tokens']);
  });

  it('names the enrolment of each kind in its headers', async () => {
    const device = await enrolled();
    const number = devices++;
    const facts = deviceFacts(number, { style: 'user-enrollment' });
    const personal = await plain.device(number, { facts });
    await personal.enrol();
    const ann = { shortName: 'ann', longName: 'Ann', id: 'ANN' };
    const { udid } = device.facts;
    const channels: readonly [Channel, object][] = [
      [device.channel, { 'x-enrollment-type': 'Device', 'x-enrollment-id': udid }],
      [
        device.user(ann),
        {
          'x-enrollment-type': 'User',
          'x-enrollment-id': `${udid}:ANN`,
          'x-enrollment-parentid': udid,
        },
      ],
      [
        device.user({ ...ann, sharedIpad: true }),
        {
          'x-enrollment-type': 'Shared iPad',
          'x-enrollment-id': `${udid}:ann`,
          'x-enrollment-parentid': udid,
        },
      ],
      [
        personal.channel,
        {
          'x-enrollment-type': 'User Enrollment (Device)',
          'x-enrollment-id': facts.enrollmentId,
        },
      ],
      [
        personal.user(ann),
        {
          'x-enrollment-type': 'User Enrollment',
          'x-enrollment-id': `${facts.enrollmentId}:ANN`,
          'x-enrollment-parentid': facts.enrollmentId,
        },
      ],
    ];
    for (const [channel, named] of channels) {
      expect((await ask(channel, 'tokens')).status).toBe(200);
      const headers = upstream.asked.at(-1)?.headers ?? {};
      const told = Object.entries(headers).filter(([name]) => name.startsWith('x-enrollment'));
      expect(Object.fromEntries(told)).toEqual(named);
    }
  });

  it.each([
    [
      'a declaration’s identifier that looks like a query',
      'declaration/configuration/a?b#c%2e;d',
      '/base/declaration/configuration/a%3Fb%23c%252e%3Bd',
    ],
    ['one with slashes in it', 'declaration/asset/a/b', '/base/declaration/asset/a/b'],
    ['one beyond ASCII', 'declaration/asset/é😀', '/base/declaration/asset/%C3%A9%F0%9F%98%80'],
  ])('escapes %s', async (_what, endpoint, url) => {
    expect((await ask((await enrolled()).channel, endpoint)).status).toBe(200);
    expect(upstream.asked.map((asked) => asked.url)).toEqual([url]);
  });

  it('with an endpoint that is none of Apple’s is answered 400 and reaches no server', async () => {
    const device = await enrolled();
    const host = `127.0.0.1:${elsewhere.port}`;
    const bad = [
      ...['', '/', '.', '..', '../up', '/tokens', 'tokens/', 'Tokens', 'tokens?x', './tokens'],
      ...[`//${host}/x`, `http://${host}/x`, `http:${host}`, `\\\\${host}\\x`, `/\\${host}`],
      ...['declaration', 'declaration/', 'declaration/x', 'declaration/x/', 'declaration//x'],
      ...['declaration/../../up', 'declaration/x/..', 'declaration/x/./y', 'declaration/x/a\\b'],
      ...['declaration/x/a\tb', 'declaration/x/a\nb', 'status/../../x', '@evil', ':80/x'],
    ];
    for (const endpoint of bad) {
      const from = plain.log.length;
      expect([endpoint, (await ask(device.channel, endpoint)).status]).toEqual([endpoint, 400]);
      expect(refusalsSince(plain, from)).toEqual(['bad-endpoint']);
    }
    expect((await device.channel.checkIn('DeclarativeManagement', {})).status).toBe(400);
    expect([...upstream.asked, ...elsewhere.asked]).toEqual([]);
  });

  it('with half a character in its endpoint is answered 400', async () => {
    const device = await enrolled();
    const body = binaryPlist({
      MessageType: 'DeclarativeManagement',
      UDID: device.facts.udid,
      Endpoint: 'declaration/x/\ud83d',
    });
    const headers = { 'Content-Type': checkInType, ...signedBy(device.identity, body) };
    expect((await sendRaw({ url: plain.deviceUrl, headers, body })).status).toBe(400);
  });

  it('of a device that never enrolled reaches no server', async () => {
    const stranger = await plain.device(devices++);
    expect((await ask(stranger.channel, 'tokens')).status).toBe(409);
    expect(upstream.asked).toEqual([]);
  });
});

describe('an upstream’s answer', () => {
  it('of 404 passes for a single declaration only, which the device then removes', async () => {
    const device = await enrolled();
    upstream.answer = () => ({
      status: 404,
      headers: { 'Content-Type': 'text/plain' },
      body: 'no',
    });
    const gone = await ask(device.channel, 'declaration/configuration/gone');
    expect(gone).toMatchObject({ status: 404, contentType: 'text/plain' });
    expect(gone.body.toString()).toBe('no');
    for (const endpoint of ['tokens', 'declaration-items', 'status']) {
      expect((await ask(device.channel, endpoint)).status).toBe(502);
    }
  });

  it.each([201, 204, 301, 302, 307, 400, 401, 403, 404, 410, 413, 429, 500, 502, 503])(
    'of %i is the upstream’s trouble: 502 and in the log with its status',
    async (status) => {
      const device = await enrolled();
      upstream.answer = () => ({
        status,
        headers: { Location: `${elsewhere.url}/x`, 'WWW-Authenticate': 'Basic' },
      });
      const from = plain.log.length;
      const reply = await ask(device.channel, 'tokens');
      expect([reply.status, reply.body.toString()]).toEqual([502, 'Bad Gateway\n']);
      expect(plain.log.slice(from)).toContainEqual(
        expect.objectContaining({ level: 'error', status }),
      );
      expect(refusalsSince(plain, from)).toEqual(['dm-refused']);
      expect(elsewhere.asked).toEqual([]);
      upstream.answer = () => ({});
      expect((await ask(device.channel, 'tokens')).status).toBe(200);
    },
  );

  it('that breaks off is 502, and the device’s connection goes on', async () => {
    const device = await enrolled();
    upstream.answer = (_asked, response) => {
      response.writeHead(200, { 'Content-Length': 100 });
      response.write('{', () => response.destroy());
      return null;
    };
    expect((await ask(device.channel, 'tokens')).status).toBe(502);
    upstream.answer = (_asked, response) => {
      response.destroy();
      return null;
    };
    expect((await ask(device.channel, 'tokens')).status).toBe(502);
    expect(await device.channel.poll()).toBeNull();
  });

  it('that does not come in time is 502', async () => {
    const silent = await startUpstream();
    silent.answer = () => null;
    const forward = createDmUpstream({
      base: new URL(silent.url),
      sendHmacKey: null,
      receiveHmacKey: null,
      timeout: 1,
      log: silentLog,
    });
    const enrollment = { id: 'U', kind: 'DEVICE', parentId: null, deviceId: 'U' } as const;
    const request = { enrollment, endpoint: 'tokens', data: null, traceId: 't' };
    const refusal = await forward(request).catch((error: unknown) => error);
    await silent.close();
    expect(refusal).toBeInstanceOf(Refusal);
    expect(refusal).toMatchObject({ status: 502, code: 'dm-unreachable' });
  });
});

describe('with keys', () => {
  it.each<[string, Buffer | undefined]>([
    ['a body', Buffer.from('{"StatusItems":{}}')],
    ['the empty body of a GET', undefined],
  ])('%s is signed', async (_what, data) => {
    const device = await enrolled(signed);
    upstream.answer = () => ({ headers: { 'X-Hmac-Signature': hmac(receiveKey, '') } });
    expect((await ask(device.channel, 'status', data)).status).toBe(200);
    expect(upstream.asked[0]?.headers['x-hmac-signature']).toBe(hmac(sendKey, data ?? ''));
  });

  it.each([
    ['no signature', 200, 'body', undefined],
    ['an empty signature', 200, 'body', ''],
    ['another key’s', 200, 'body', hmac(sendKey, 'body')],
    ['one of another body', 200, 'body', hmac(receiveKey, 'other')],
    ['none on an empty body', 200, '', undefined],
    ['none on a 404', 404, 'gone', undefined],
  ])('an answer with %s is 502', async (_what, status, body, signature) => {
    const device = await enrolled(signed);
    const headers = signature === undefined ? {} : { 'X-Hmac-Signature': signature };
    upstream.answer = () => ({ status, headers, body });
    const from = signed.log.length;
    expect((await ask(device.channel, 'declaration/asset/x')).status).toBe(502);
    expect(refusalsSince(signed, from)).toEqual(['dm-hmac']);
  });

  it('a signed answer passes, a 404 too', async () => {
    const device = await enrolled(signed);
    for (const status of [200, 404]) {
      const headers = { 'X-Hmac-Signature': hmac(receiveKey, '{}') };
      upstream.answer = () => ({ status, headers, body: '{}' });
      expect((await ask(device.channel, 'declaration/asset/x')).status).toBe(status);
    }
  });
});

describe('a trace id', () => {
  it('goes along to the upstream', async () => {
    const device = await enrolled();
    const traceId = 'c0ffee00c0ffee00c0ffee00c0ffee00';
    const body = buildPlist({
      MessageType: 'DeclarativeManagement',
      UDID: device.facts.udid,
      Endpoint: 'tokens',
    });
    const headers = {
      'Content-Type': checkInType,
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
      ...signedBy(device.identity, body),
    };
    expect((await sendRaw({ url: plain.deviceUrl, headers, body })).status).toBe(200);
    expect(upstream.asked[0]?.headers['x-trace-id']).toBe(traceId);
  });
});
