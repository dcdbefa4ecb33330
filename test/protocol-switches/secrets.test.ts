import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { checkInType, sendRaw, signedBy } from '../build/raw-request.ts';
import { rowsOf } from '../device/stored.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { askServer } from './graph.ts';
import { type Upstream, startUpstream } from './upstream.ts';

/** Values in every place where Apple's messages have secrets; each found again wherever it leaks. */
const secrets = Object.fromEntries(
  [
    ...['pushMagic', 'pushToken', 'unlockToken', 'bootstrapToken', 'digestResponse'],
    ...['securityToken', 'tokenData', 'pin', 'commandUnlockToken', 'unknownBody', 'unknownResult'],
    ...['recoveryKey', 'strayResult', 'authorization', 'cookie', 'signature'],
    ...['malformed', 'wrongType', 'failing', 'badCommand', 'query'],
  ].map((name) => [name, `planted-${name}-${randomBytes(8).toString('hex')}`]),
) as Readonly<Record<string, string>>;

const secret = (name: string): string => secrets[name] ?? '';
const bytesOf = (name: string): Buffer => Buffer.from(secret(name));

let handler: Upstream;
let dumping: TestServer;
let quiet: TestServer;

beforeAll(async () => {
  handler = await startUpstream();
  handler.answer = () => ({ body: secret('tokenData') });
  const flags = ['--get-token-url', `com.apple.watch.pairing=${handler.url}`, '--dm', handler.url];
  [dumping, quiet] = await Promise.all([
    startServer({ flags: [...flags, '--dump'] }),
    startServer({ flags }),
  ]);
  await live(dumping);
  await live(quiet);
});
afterAll(() => Promise.all([dumping.stop(), quiet.stop(), handler.close()]));

/** A device's life with everything that is secret in it, and everything that can go wrong. */
async function live(server: TestServer): Promise<void> {
  const device = await server.device(1);
  device.pushMagic = secret('pushMagic');
  device.pushToken = bytesOf('pushToken');
  await device.authenticate();
  expect((await device.tokenUpdate({ UnlockToken: bytesOf('unlockToken') })).status).toBe(200);
  await device.setBootstrapToken(bytesOf('bootstrapToken'));
  expect(await device.getBootstrapToken()).toEqual(bytesOf('bootstrapToken'));
  const user = device.user({ shortName: 'ann', longName: 'Ann', id: 'A' });
  expect((await user.userAuthenticate(secret('digestResponse'))).status).toBe(200);
  await user.tokenUpdate({ UnlockToken: bytesOf('unlockToken') });
  const pairing = {
    TokenServiceType: 'com.apple.watch.pairing',
    TokenParameters: { SecurityToken: secret('securityToken'), PhoneUDID: 'p', WatchUDID: 'w' },
  };
  const token = await device.channel.checkIn('GetToken', pairing);
  expect(token.body.toString()).toContain(bytesOf('tokenData').toString('base64'));
  const report = { Endpoint: 'status', Data: Buffer.from('{"StatusItems":{}}') };
  expect((await device.channel.checkIn('DeclarativeManagement', report)).status).toBe(200);
  await commands(server, device);
  await mistakes(server, device);
  await failures(server, device);
}

async function commands(server: TestServer, device: Device): Promise<void> {
  const sent: readonly [type: string, fields: PlistDict, response: PlistDict][] = [
    ['DeviceLock', { PIN: secret('pin') }, {}],
    ['ClearPasscode', { UnlockToken: bytesOf('commandUnlockToken') }, {}],
    [
      'Frobnicate',
      { How: secret('unknownBody') },
      { Outcome: [{ Deep: secret('unknownResult') }] },
    ],
    ['SecurityInfo', {}, { SecurityInfo: { FDE_PersonalRecoveryKeyCMS: bytesOf('recoveryKey') } }],
  ];
  for (const [type, fields, response] of sent) {
    await enqueue(server, [device.enrollmentId], aCommand(`C-${type}`, type, fields));
    expect((await device.channel.poll())?.uuid).toBe(`C-${type}`);
    await device.channel.report(`C-${type}`, { status: 'NotNow', response });
    await device.channel.report(`C-${type}`, { status: 'Acknowledged', response });
  }
  const stray = { Outcome: secret('strayResult') };
  await device.channel.report('nobody asked', { status: 'Error', response: stray });
}

/** What is refused with a secret in it. */
async function mistakes(server: TestServer, device: Device): Promise<void> {
  const UDID = device.facts.udid;
  const wrongTypes: readonly PlistDict[] = [
    {
      MessageType: 'TokenUpdate',
      UDID,
      Topic: 't',
      PushMagic: [secret('wrongType')],
      Token: secret('wrongType'),
    },
    { MessageType: 'SetBootstrapToken', UDID, BootstrapToken: secret('wrongType') },
    { MessageType: 'UserAuthenticate', UDID, UserID: 'A', DigestResponse: bytesOf('wrongType') },
    { MessageType: 'Unknown', UDID, PushMagic: secret('wrongType') },
    { MessageType: 'GetToken', UDID, TokenParameters: secret('wrongType') },
  ];
  const whole = buildPlist({ MessageType: 'TokenUpdate', UDID, PushMagic: secret('malformed') });
  const malformed = [
    whole.subarray(0, -20),
    Buffer.from(whole.toString().replace('<dict>', `<dict>&${secret('malformed')};`)),
    Buffer.from(whole.toString().replace('</string>', `</${secret('malformed')}>`)),
    Buffer.from(whole.toString().replace('<dict>', `<${secret('malformed')}>`)),
    bytesOf('malformed'),
  ];
  const headers = {
    'Content-Type': checkInType,
    Authorization: `Bearer ${secret('authorization')}`,
    Cookie: secret('cookie'),
  };
  for (const body of [...wrongTypes.map(buildPlist), ...malformed]) {
    const signed = { ...headers, ...signedBy(device.identity, body) };
    expect((await sendRaw({ url: server.deviceUrl, headers: signed, body })).status).toBe(400);
    const forged = { ...headers, 'Mdm-Signature': bytesOf('signature').toString('base64') };
    expect((await sendRaw({ url: server.deviceUrl, headers: forged, body })).status).toBe(400);
    await sendRaw({ url: `${server.url}/authproxy/x`, headers, body });
  }
  const asReport = { ...signedBy(device.identity, whole), Authorization: headers.Authorization };
  await sendRaw({ url: server.deviceUrl, headers: asReport, body: whole });
  const mutation = `mutation ($p: String!) { enqueueCommand(input: {
    targets: { ids: ["${UDID}"] }, command: { plist: $p } }) { __typename } }`;
  for (const plist of [`<plist>${secret('badCommand')}`, aCommand('', secret('badCommand'))]) {
    const { data } = await askServer(server, mutation, { p: plist });
    expect(data).toEqual({ enqueueCommand: { __typename: 'ValidationError' } });
  }
  await askServer(server, `{ ${secret('query').replaceAll('-', '_')}(a: "${secret('query')}") }`);
}

/** What fails in the database with a secret in it. */
async function failures(server: TestServer, device: Device): Promise<void> {
  const UDID = device.facts.udid;
  const unknown = aCommand('C-failing', 'Frobnicate', { How: secret('failing') });
  const push = { PushMagic: secret('failing'), UnlockToken: bytesOf('failing') };
  for (const table of ['check_in', 'command_result', 'command']) {
    await rowsOf(server, `alter table ${table} rename to away`);
    const update = await device.tokenUpdate(push);
    expect(update.status).toBe(table === 'check_in' ? 500 : 200);
    const body = buildPlist({ UDID, CommandUUID: 'x', Status: 'Error', How: secret('failing') });
    const headers = signedBy(device.identity, body);
    const reported = await sendRaw({ url: server.deviceUrl, headers, body });
    expect(reported.status).toBe(table === 'check_in' ? 200 : 500);
    if (table === 'command') {
      await expect(enqueue(server, [UDID], unknown)).rejects.toThrow(/INTERNAL_SERVER_ERROR/);
    }
    await rowsOf(server, `alter table away rename to ${table}`);
  }
}

/** The names of the secrets that stand in a text, as they are or as bytes are written. */
function leaked(text: string): string[] {
  return Object.entries(secrets)
    .filter(([, value]) => {
      const base64 = Buffer.from(value).toString('base64');
      const forms = [value, base64, value.replaceAll('-', '_')];
      return forms.some(
        (form) => text.includes(form) || text.includes(Buffer.from(form).toString('hex')),
      );
    })
    .map(([name]) => name);
}

describe.each([
  ['with --dump', () => dumping],
  ['without --dump', () => quiet],
] as const)('a server %s', (_how, at) => {
  it('writes no secret to its log', () => {
    const { log } = at();
    expect(log.length).toBeGreaterThan(20);
    expect(log.filter((line) => leaked(JSON.stringify(line)).length > 0)).toEqual([]);
  });

  it('stores no secret in clear but the push token, which nobody can use without the others', async () => {
    const tables = await rowsOf<{ name: string }>(
      at(),
      `select c.relname as name from pg_class c
       where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace`,
    );
    expect(tables.length).toBeGreaterThan(15);
    const found: string[] = [];
    let rows = 0;
    for (const { name } of tables) {
      const kept = await rowsOf<{ row: Record<string, unknown> }>(
        at(),
        `select to_jsonb(t) as row from "${name}" t`,
      );
      rows += kept.length;
      for (const { row } of kept) {
        for (const [column, value] of Object.entries(row)) {
          const names = leaked(JSON.stringify(value));
          found.push(...names.map((one) => `${name}.${column}: ${one}`));
        }
      }
    }
    expect(rows).toBeGreaterThan(30);
    expect([...new Set(found)]).toEqual(['enrollment.push_token: pushToken']);
  });
});

describe('a dump', () => {
  const dumps = () => dumping.log.filter(({ msg }) => msg === 'dump');
  const of = (text: string) => dumps().find(({ plist }) => String(plist).includes(text));

  it('shows what devices send and what they are answered, with secrets masked', () => {
    for (const type of [
      ...['Authenticate', 'TokenUpdate', 'SetBootstrapToken', 'GetBootstrapToken', 'GetToken'],
      ...['UserAuthenticate', 'DeclarativeManagement'],
    ]) {
      expect(of(`<string>${type}</string>`)).toMatchObject({ direction: 'in', kind: 'check-in' });
    }
    const update = String(of('<string>TokenUpdate</string>')?.['plist']);
    for (const key of ['PushMagic', 'Token', 'UnlockToken']) {
      expect(update).toMatch(new RegExp(`<key>${key}</key>\\s*<string>&lt;redacted&gt;`));
    }
    expect(of('<key>PIN</key>')).toMatchObject({ direction: 'out', kind: 'report', status: 200 });
    expect(of('<string>DeviceLock</string>')?.['plist']).toMatch(/<key>PIN<\/key>\s*<string>&lt;r/);
    expect(of('<key>TokenData</key>')).toMatchObject({ direction: 'out', kind: 'check-in' });
    expect(of('<string>Idle</string>')).toMatchObject({ direction: 'in', kind: 'report' });
  });

  it('tells what is no property list by its length', () => {
    const length = secret('malformed').length;
    const told = dumps()
      .filter(({ direction }) => direction === 'in')
      .map(({ plist }) => plist);
    expect(told).toContain(`<${length} bytes that are no property list>`);
  });

  it('is not made unless it is asked for', () => {
    expect(quiet.log.filter(({ msg }) => msg === 'dump')).toEqual([]);
  });
});
