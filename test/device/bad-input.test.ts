import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import { checkInType, sendRaw, signedBy } from '../build/raw-request.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { binaryPlist } from '../protocol/binary-plist.ts';
import { fingerprintOf, refusalsSince, rowsOf } from './stored.ts';

let server: TestServer;
let device: Device;

beforeAll(async () => {
  server = await startServer();
  device = await server.device(0);
  await device.enrol();
});
afterAll(() => server.stop());

const types = { 'check-in': checkInType, report: 'application/x-apple-aspen-mdm' } as const;

function idle(fields: PlistDict = {}): Buffer {
  return buildPlist({ ...device.channel.identifiers, Status: 'Idle', ...fields });
}

/** Sends bytes with a good signature over them. */
function send(
  body: Buffer,
  more: Parameters<typeof sendRaw>[0] | object = {},
  headers: Readonly<Record<string, string>> = {},
) {
  const signature = signedBy(device.identity, body);
  return sendRaw({ url: server.deviceUrl, body, ...more, headers: { ...signature, ...headers } });
}

function plist(inside: string): Buffer {
  return Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?><plist version="1.0">${inside}</plist>`,
  );
}

const entities = `<?xml version="1.0"?>
<!DOCTYPE plist [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY file SYSTEM "file:///etc/passwd">]>
<plist version="1.0"><dict><key>Status</key><string>Idle</string>
<key>UDID</key><string>&b;&file;</string></dict></plist>`;

const bodies: readonly [what: string, body: Buffer][] = [
  ['an empty body', Buffer.alloc(0)],
  ['no property list', Buffer.from('{"Status":"Idle"}')],
  ['random bytes', Buffer.from('00ff3c3fe2a9c0', 'hex')],
  ['a property list of an array', plist('<array/>')],
  ['a property list of a string', plist('<string>Idle</string>')],
  ['a truncated property list', plist('<dict/>').subarray(0, -10)],
  ['a DOCTYPE with entities', Buffer.from(entities)],
  ['an entity that nobody defined', plist('<dict><key>UDID</key><string>&x;</string></dict>')],
  [
    '100,000 nested arrays',
    plist(
      `<dict><key>Status</key><string>Idle</string><key>X</key>` +
        `${'<array>'.repeat(100_000)}${'</array>'.repeat(100_000)}</dict>`,
    ),
  ],
  [
    'another encoding',
    Buffer.from('<?xml version="1.0" encoding="EBCDIC"?><plist><dict/></plist>'),
  ],
  ['a control character reference', plist('<dict><key>UDID</key><string>&#0;</string></dict>')],
  ['invalid UTF-8', Buffer.concat([plist('<dict><key>UDID</key><string>'), Buffer.from([0xff])])],
  ['a truncated binary property list', binaryPlist({ UDID: 'U', Status: 'Idle' }).subarray(0, -5)],
  ['nothing but a trailer', Buffer.from('bplist00')],
  ['no keys', plist('<dict/>')],
];

describe.each(['check-in', 'report'] as const)('a %s', (kind) => {
  it.each(bodies)('that is %s is answered 400 and stores nothing', async (_what, body) => {
    const before = await fingerprintOf(server);
    const from = server.log.length;
    const reply = await send(body, {}, { 'Content-Type': types[kind] });
    expect([reply.status, reply.body.toString()]).toEqual([400, 'Bad Request\n']);
    expect(refusalsSince(server, from)).toHaveLength(1);
    expect(await fingerprintOf(server)).toEqual(before);
  });
});

describe('a report', () => {
  it.each<[what: string, fields: PlistDict, reason: string]>([
    ['no Status', { Status: '' }, 'missing-status'],
    ['a Status of another type', { Status: 1 }, 'wrong-type'],
    ['no CommandUUID', { Status: 'Acknowledged' }, 'missing-command-uuid'],
    ['a CommandUUID of another type', { Status: 'Acknowledged', CommandUUID: 1 }, 'wrong-type'],
    ['an ErrorChain that is text', { ErrorChain: 'x' }, 'wrong-type'],
    ['a Status that is too long', { Status: 'x'.repeat(256), CommandUUID: 'C' }, 'field-too-long'],
    ['no identifier', { UDID: '' }, 'no-identifier'],
  ])('with %s is answered 400 and stores nothing', async (_what, fields, reason) => {
    const before = await fingerprintOf(server);
    const from = server.log.length;
    expect((await send(idle(fields))).status).toBe(400);
    expect(refusalsSince(server, from)).toEqual([reason]);
    expect(await fingerprintOf(server)).toEqual(before);
  });

  it.each<[what: string, body: () => Buffer]>([
    ['in binary', () => binaryPlist({ UDID: device.enrollmentId, Status: 'Idle' })],
    [
      'without declaration',
      () =>
        Buffer.from(
          `\n${idle()
            .toString()
            .replace(/^<\?xml.*\n/, '')}`,
        ),
    ],
    ['with bytes behind it', () => Buffer.concat([idle(), Buffer.from('\n<!-- more -->')])],
    [
      'of 10 MiB',
      () => Buffer.concat([idle(), Buffer.alloc(10 * 1024 * 1024 - idle().length, 10)]),
    ],
  ])('is taken %s', async (_what, body) => {
    expect((await send(body())).status).toBe(200);
  });

  it.each<[what: string, fields: PlistDict]>([
    ['a NUL', { Status: 'a\0b', CommandUUID: 'c\0d' }],
    ['half a character', { Status: 'a\ud83d', CommandUUID: '\ude00d' }],
  ])('is never an error of ours for %s in it', async (_what, fields) => {
    const body = binaryPlist({ UDID: device.enrollmentId, ...fields });
    expect([200, 400]).toContain((await send(body)).status);
  });
});

describe('a check-in', () => {
  it.each<[what: string, fields: PlistDict]>([
    ['a NUL', { SerialNumber: 'a\0b', DeviceName: 'c\0d' }],
    ['half a character', { SerialNumber: 'a\ud83d', DeviceName: '\ude00d' }],
  ])('is never an error of ours for %s in it', async (_what, fields) => {
    const UDID = device.enrollmentId;
    const headers = { 'Content-Type': checkInType };
    const messages: readonly PlistDict[] = [
      { MessageType: 'GetToken', TokenServiceType: fields['SerialNumber'] ?? '' },
      { MessageType: 'Authenticate', ...fields },
      { MessageType: 'TokenUpdate', Topic: 't', PushMagic: 'm', Token: Buffer.from('t') },
    ];
    for (const message of messages) {
      const status = (await send(binaryPlist({ UDID, ...message }), {}, headers)).status;
      // Nobody makes tokens here, which is a 500 of its own.
      expect([200, 400, ...(message['MessageType'] === 'GetToken' ? [500] : [])]).toContain(status);
    }
    expect(server.log.filter(({ msg }) => msg === 'device message failed')).toEqual([]);
  });

  it('is never an error of ours for a cut in the middle of a character', async () => {
    const service = `${'x'.repeat(199)}😀`;
    const endpoint = `declaration/x/${'x'.repeat(499 - 14)}😀`;
    await device.channel.checkIn('GetToken', { TokenServiceType: service });
    await device.channel.checkIn('DeclarativeManagement', { Endpoint: endpoint });
    expect(server.log.filter(({ msg }) => msg === 'device message failed')).toEqual([]);
  });

  it('is never an error of ours for what stands in its query', async () => {
    const body = buildPlist({ UDID: device.enrollmentId, MessageType: 'GetBootstrapToken' });
    for (const query of ['a=%00', 'a=%ff', 'a=%ED%A0%80', '__proto__=1', '=', '&&', '%']) {
      const reply = await send(body, { path: `/mdm?${query}` }, { 'Content-Type': checkInType });
      expect([query, reply.status]).toEqual([query, 200]);
    }
    const [kept] = await rowsOf<{ url_params: unknown }>(
      server,
      `select url_params from check_in where url_params ? 'a' order by received_at limit 1`,
    );
    expect(kept?.url_params).toEqual({ a: '\ufffd' });
  });
});

describe('a body that is too large', () => {
  const tooLarge = 10 * 1024 * 1024 + 1;

  it.each([
    ['declared', Buffer.alloc(tooLarge)],
    ['chunked', [...Array.from({ length: 10 }, () => Buffer.alloc(1024 * 1024)), Buffer.alloc(1)]],
  ])('is answered 413 and its connection closed (%s)', async (_how, body) => {
    for (let round = 0; round < 5; round++) {
      const reply = await sendRaw({ url: server.deviceUrl, body });
      expect(reply.status).toBe(413);
      expect(reply.headers.connection).toBe('close');
    }
    expect((await send(idle())).status).toBe(200);
  });
});

describe('a body that the client cuts short', () => {
  it('stores nothing, and is told in the log', async () => {
    const before = await fingerprintOf(server);
    const from = server.log.length;
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('PUT /mdm HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this');
    socket.end();
    await once(socket.resume(), 'close');
    await logged(() => refusalsSince(server, from).length > 0);
    expect(refusalsSince(server, from)).toEqual(['body-cut-short']);
    expect(await fingerprintOf(server)).toEqual(before);
  });
});

describe('a request to the device URL', () => {
  it.each(['PUT', 'POST', 'GET', 'DELETE'])('may be a %s, with a body', async (method) => {
    expect((await send(idle(), { method })).status).toBe(200);
  });

  it.each([
    ['/mdm/', 404],
    ['//mdm', 404],
    ['/MDM', 404],
    ['/mdm/..', 404],
    ['/mdm%2F', 404],
    ['/mdm?x=1&x=2', 200],
  ])('at %s is answered %i, never a redirect', async (path, status) => {
    const reply = await send(idle(), { path });
    expect(reply.status).toBe(status);
    expect(reply.headers.location).toBeUndefined();
    if (status === 404) expect(reply.body.toString()).toBe('404 page not found\n');
  });

  it.each([
    [checkInType, 'check-in'],
    [`${checkInType}; charset=UTF-8`, 'check-in'],
    [`${checkInType}-more`, 'check-in'],
    [checkInType.toUpperCase(), 'report'],
    ['application/x-apple-aspen-mdm', 'report'],
    ['text/plain', 'report'],
    ['', 'report'],
  ])('with Content-Type %j is a %s', async (type, kind) => {
    const token = buildPlist({ UDID: device.enrollmentId, MessageType: 'GetBootstrapToken' });
    const headers = type === '' ? {} : { 'Content-Type': type };
    expect((await send(token, {}, headers)).status).toBe(kind === 'check-in' ? 200 : 400);
    expect((await send(idle(), {}, headers)).status).toBe(kind === 'check-in' ? 400 : 200);
  });

  it('pays no heed to an Authorization header', async () => {
    for (const value of [
      'Bearer nonsense',
      'Basic AAAA',
      'Bearer test-admin-token-with-every-scope',
    ]) {
      expect((await send(idle(), {}, { Authorization: value })).status).toBe(200);
      const unsigned = { url: server.deviceUrl, body: idle(), headers: { Authorization: value } };
      expect((await sendRaw(unsigned)).status).toBe(400);
    }
  });

  it('is not inflated', async () => {
    expect((await send(Buffer.from('x'), {}, { 'Content-Encoding': 'gzip' })).status).toBe(400);
  });

  it('may be a browser’s: 400 as text, never 401, 403 or a redirect', async () => {
    const reply = await sendRaw({ url: server.deviceUrl, method: 'GET' });
    expect(reply.status).toBe(400);
    expect(reply.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'x-content-type-options': 'nosniff',
    });
  });

  it('leaves its connection usable after a refusal', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    agent.on('free', (socket) => ports.add(socket.localPort));
    for (const body of [idle(), Buffer.from('junk'), idle()]) await send(body, { agent });
    agent.destroy();
    expect(ports.size).toBe(1);
  });
});

/** Resolves once something is in the log; it is written by the same process. */
async function logged(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setImmediate(resolve));
}
