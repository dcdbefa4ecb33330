import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import { isPlistDict } from '../../server/protocol/plist/value.ts';
import { parsePlist } from '../../server/protocol/plist/parse.ts';
import { eventsOf, refusalsSince } from '../device/stored.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { type Upstream, startUpstream } from './upstream.ts';

let maid: Upstream;
let pairing: Upstream;
let server: TestServer;

beforeAll(async () => {
  [maid, pairing] = await Promise.all([startUpstream(), startUpstream()]);
  server = await startServer({
    flags: [
      ...['--get-token-url', `com.apple.maid=${maid.url}/maid?v=1`],
      ...['--get-token-url', `com.apple.watch.pairing=${pairing.url}/watch`],
    ],
  });
});
afterAll(() => Promise.all([server.stop(), maid.close(), pairing.close()]));
afterEach(() => {
  for (const one of [maid, pairing]) {
    one.asked.length = 0;
    one.answer = () => ({ body: Buffer.from([0, 1, 0xff]) });
  }
});

let devices = 0;
async function enrolled() {
  const device = await server.device(devices++);
  await device.enrol();
  return device;
}

function tokenIn(body: Buffer): Buffer | null {
  const root = parsePlist(body);
  const data = isPlistDict(root) ? root['TokenData'] : undefined;
  return data instanceof Uint8Array ? Buffer.from(data) : null;
}

describe('GetToken', () => {
  it('is answered with what the handler of its service says, byte for byte', async () => {
    const device = await enrolled();
    maid.answer = () => ({ body: Buffer.from([0, 1, 0xff]) });
    const reply = await device.channel.checkIn('GetToken', { TokenServiceType: 'com.apple.maid' });
    expect(reply).toMatchObject({ status: 200, contentType: 'text/xml; charset=utf-8' });
    expect(tokenIn(reply.body)).toEqual(Buffer.from([0, 1, 0xff]));
    const [asked] = maid.asked;
    expect(asked).toMatchObject({
      method: 'POST',
      url: '/maid?v=1',
      headers: {
        'content-type': 'application/json',
        'x-enrollment-id': device.facts.udid,
        'x-enrollment-type': 'Device',
      },
    });
    expect(JSON.parse(String(asked?.body))).toEqual({
      tokenServiceType: 'com.apple.maid',
      tokenParameters: null,
    });
    expect(pairing.asked).toEqual([]);
    expect((await eventsOf(server, device.facts.udid)).at(-1)).toEqual({
      type: 'GetTokenReceived',
      data: { tokenServiceType: 'com.apple.maid' },
    });
  });

  it('hands its parameters on', async () => {
    const device = await enrolled();
    const parameters = { SecurityToken: 's', PhoneUDID: 'p', WatchUDID: 'w' };
    await device.channel.checkIn('GetToken', {
      TokenServiceType: 'com.apple.watch.pairing',
      TokenParameters: parameters,
    });
    expect(JSON.parse(String(pairing.asked[0]?.body))).toEqual({
      tokenServiceType: 'com.apple.watch.pairing',
      tokenParameters: parameters,
    });
  });

  it('of a user channel names the user', async () => {
    const device = await enrolled();
    const user = device.user({ shortName: 'ann', longName: 'Ann', id: 'ANN' });
    const asked = { TokenServiceType: 'com.apple.maid' };
    expect((await user.checkIn('GetToken', asked)).status).toBe(200);
    expect(maid.asked[0]?.headers).toMatchObject({
      'x-enrollment-id': `${device.facts.udid}:ANN`,
      'x-enrollment-type': 'User',
      'x-enrollment-parentid': device.facts.udid,
    });
  });

  it.each<[what: string, fields: PlistDict, status: number, reason: string]>([
    ['no service', {}, 400, 'no-token-service'],
    ['an empty service', { TokenServiceType: '' }, 400, 'no-token-service'],
    [
      'a pairing without parameters',
      { TokenServiceType: 'com.apple.watch.pairing' },
      400,
      'no-token-parameters',
    ],
    ['a service without handler', { TokenServiceType: 'x' }, 500, 'no-token-service'],
    ['a name from the prototype', { TokenServiceType: 'constructor' }, 500, 'no-token-service'],
  ])('with %s asks nobody', async (_what, fields, status, reason) => {
    const device = await enrolled();
    const from = server.log.length;
    expect((await device.channel.checkIn('GetToken', fields)).status).toBe(status);
    expect(refusalsSince(server, from)).toEqual([reason]);
    expect([...maid.asked, ...pairing.asked]).toEqual([]);
  });

  it('of a device that never enrolled asks nobody', async () => {
    const stranger = await server.device(devices++);
    const asked = { TokenServiceType: 'com.apple.maid' };
    expect((await stranger.channel.checkIn('GetToken', asked)).status).toBe(409);
    expect(maid.asked).toEqual([]);
  });

  it.each([201, 204, 302, 401, 403, 404, 500])(
    'is 502 when its handler answers %i, and the connection goes on',
    async (status) => {
      const device = await enrolled();
      maid.answer = () => ({ status, headers: { Location: `${pairing.url}/x` } });
      const asked = { TokenServiceType: 'com.apple.maid' };
      const from = server.log.length;
      expect((await device.channel.checkIn('GetToken', asked)).status).toBe(502);
      expect(refusalsSince(server, from)).toEqual(['token-service']);
      expect(pairing.asked).toEqual([]);
      expect(await device.channel.poll()).toBeNull();
    },
  );

  it('is 502 when its handler breaks off', async () => {
    const device = await enrolled();
    maid.answer = (_asked, response) => {
      response.destroy();
      return null;
    };
    const asked = { TokenServiceType: 'com.apple.maid' };
    expect((await device.channel.checkIn('GetToken', asked)).status).toBe(502);
  });
});
