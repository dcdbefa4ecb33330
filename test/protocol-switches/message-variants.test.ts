import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Channel } from '../../clients/simulator/channel.ts';
import type { Device } from '../../clients/simulator/device.ts';
import { deviceFacts } from '../../clients/simulator/facts.ts';
import { inParallel } from '../../clients/simulator/parallel.ts';
import { checkInDefinition, messageTypes } from '../../server/catalogue/check-ins.ts';
import type { KeyDefinition } from '../../server/catalogue/definition.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import type { PlistDict, PlistValue } from '../../server/protocol/plist/value.ts';
import { aCommand } from '../build/commands.ts';
import { checkInType, sendRaw, signedBy } from '../build/raw-request.ts';
import { rowsOf } from '../device/stored.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { askServer, fieldOf } from './graph.ts';
import { type Upstream, startUpstream } from './upstream.ts';

let handler: Upstream;
let server: TestServer;
beforeAll(async () => {
  handler = await startUpstream();
  handler.answer = () => ({ body: '{}' });
  // The last is what the variants put in place of a service's name.
  const services = ['com.apple.maid', 'com.apple.watch.pairing', anyText];
  server = await startServer({
    flags: [
      ...['--dm', handler.url],
      ...services.flatMap((type) => ['--get-token-url', `${type}=${handler.url}/token`]),
    ],
  });
});
afterAll(() => Promise.all([server.stop(), handler.close()]));

const anyText = 'text';

const ofTypes: Readonly<Record<string, PlistValue>> = {
  string: anyText,
  integer: 7,
  real: 7.5,
  boolean: true,
  data: Buffer.from('bytes'),
  date: new Date(0),
  array: ['text'],
  dictionary: { Key: 'text' },
};

/** Keys whose absence is the sender's mistake; every other one may be missing. */
const needed: Readonly<Record<string, readonly string[]>> = {
  TokenUpdate: ['Topic', 'Token', 'PushMagic'],
  DeclarativeManagement: ['Endpoint'],
  GetToken: ['TokenServiceType'],
  UserAuthenticate: ['UserID'],
};

interface Variant {
  readonly name: string;
  readonly body: Buffer;
  /** What it has to be answered; null: whatever is in the documented list. */
  readonly status: number | null;
}

/** A definition's keys as a message of this device has them: those of a device channel, or a user's. */
function wholeMessage(device: Device, messageType: string): Readonly<Record<string, PlistValue>> {
  const own: Readonly<Record<string, PlistValue>> = {
    MessageType: messageType,
    UDID: device.facts.udid,
    UserID: 'A',
    Endpoint: 'tokens',
    TokenServiceType: 'com.apple.maid',
  };
  const keys = checkInDefinition(messageType)?.keys ?? [];
  // A user's message where the definition has users, but Authenticate and CheckOut are the device's.
  const names = keys.map(({ key }) => key).filter((key) => !key.startsWith('Enrollment'));
  const entries = names.map((name): [string, PlistValue] => [
    name,
    own[name] ?? valueOf(keys.find(({ key }) => key === name)),
  ]);
  return { UDID: device.facts.udid, ...Object.fromEntries(entries) };
}

function valueOf(key: KeyDefinition | undefined): PlistValue {
  if (key?.type === 'dictionary') {
    return Object.fromEntries((key.keys ?? []).map((inner) => [inner.key, valueOf(inner)]));
  }
  return ofTypes[key?.type ?? 'string'] ?? 'text';
}

/** The message as a property list, whose keys may come twice. */
function written(entries: readonly (readonly [string, PlistValue])[]): Buffer {
  const inside = entries.map(([key, value]) => {
    const one = buildPlist({ [key]: value }).toString();
    return one.slice(one.indexOf('<dict>') + 6, one.lastIndexOf('</dict>'));
  });
  return Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict>${inside.join('')}</dict></plist>`,
  );
}

function variantsOf(device: Device, messageType: string): Variant[] {
  const whole = Object.entries(wholeMessage(device, messageType));
  const variants: Variant[] = [{ name: 'whole', body: written(whole), status: 200 }];
  for (const [key, value] of whole) {
    const rest = whole.filter(([name]) => name !== key);
    const demanded = ['MessageType', 'UDID', ...(needed[messageType] ?? [])].includes(key);
    const status = demanded ? 400 : key === 'DigestResponse' ? 410 : 200;
    variants.push(
      { name: `${key} missing`, body: written(rest), status },
      { name: `${key} doubled`, body: written([...whole, [key, value]]), status: 200 },
    );
    for (const [type, other] of Object.entries(ofTypes)) {
      const wrong: readonly [string, PlistValue] = [key, other];
      variants.push(
        { name: `${key} as ${type}`, body: written([...rest, wrong]), status: null },
        // The last one counts, whatever the first one was.
        { name: `${key} as ${type} first`, body: written([wrong, ...whole]), status: 200 },
      );
    }
    if (typeof value === 'object' && !(value instanceof Uint8Array)) {
      for (const inner of Object.keys(value)) {
        for (const other of Object.values(ofTypes)) {
          const changed: PlistDict = { ...Object(value), [inner]: other };
          variants.push({
            name: `${key}.${inner} otherwise`,
            body: written([...rest, [key, changed]]),
            status: null,
          });
        }
      }
    }
  }
  return variants;
}

describe.each(messageTypes)('%s, as Apple defines it', (messageType) => {
  it('may lack its keys, have them twice or of a wrong type: taken or refused, never a fault', async () => {
    const device = await server.device(messageTypes.indexOf(messageType));
    await device.enrol();
    const variants = variantsOf(device, messageType);
    expect(variants.length).toBeGreaterThan(30);
    const wrong: unknown[] = [];
    const failed = await inParallel(variants, 6, async ({ name, body, status }) => {
      const headers = { 'Content-Type': checkInType, ...signedBy(device.identity, body, 'modern') };
      const reply = await sendRaw({ url: server.deviceUrl, headers, body });
      const fits =
        status === null ? [200, 400, 409, 410].includes(reply.status) : reply.status === status;
      if (!fits) wrong.push([name, reply.status, status]);
    });
    expect([...failed, ...wrong]).toEqual([]);
    const faults = server.log.filter(({ msg }) => msg === 'device message failed');
    expect(faults).toEqual([]);
    // However it was talked to, it is still the device that it was.
    await device.enrol();
    expect(await device.channel.poll()).toBeNull();
  });
});

describe('devices of every kind at once', () => {
  it('each keep their own certificate, push data and commands', async () => {
    const numbers = Array.from({ length: 12 }, (_nothing, number) => 100 + number);
    const ann = { id: 'A', shortName: 'ann', longName: 'Ann' };
    const channels: { readonly id: string; readonly channel: Channel }[] = [];
    const failed = await inParallel(numbers, 6, async (number) => {
      const style = number % 3 === 0 ? 'user-enrollment' : 'device';
      const device = await server.device(number, { facts: deviceFacts(number, { style }) });
      const shared = number % 3 === 1;
      const user = device.user({ ...ann, ...(shared && { sharedIpad: true }) });
      expect((await device.authenticate()).status).toBe(200);
      const updates = await Promise.all([device.tokenUpdate(), user.tokenUpdate()]);
      expect(updates.map(({ status }) => status)).toEqual([200, 200]);
      const id = device.enrollmentId;
      channels.push({ id, channel: device.channel });
      channels.push({ id: `${id}:${shared ? 'ann' : 'A'}`, channel: user });
    });
    expect(failed).toEqual([]);
    const mutation = `mutation ($input: EnqueueCommandInput!) {
      enqueueCommand(input: $input) { ... on EnqueueCommandPayload { queuedCount } } }`;
    for (const { id } of channels) {
      const command = { plist: aCommand(`own-${id}`) };
      const input = { targets: { ids: [id] }, command, push: false };
      const answer = await fieldOf('enqueueCommand', askServer(server, mutation, { input }));
      expect(answer).toEqual({ queuedCount: 1 });
    }
    await Promise.all(
      channels.map(async ({ id, channel }) => {
        const answered = await channel.connect(5);
        expect(answered.map(({ command }) => command.uuid)).toEqual([`own-${id}`]);
      }),
    );
    const kinds = await rowsOf<{ kind: string; number: number }>(
      server,
      `select kind, count(*)::int as number from enrollment
       where enabled and id = any($1) group by kind order by kind`,
      [channels.map(({ id }) => id)],
    );
    expect(kinds).toEqual([
      { kind: 'DEVICE', number: 8 },
      { kind: 'SHARED_IPAD', number: 4 },
      { kind: 'USER', number: 4 },
      { kind: 'USER_ENROLLMENT', number: 4 },
      { kind: 'USER_ENROLLMENT_DEVICE', number: 4 },
    ]);
  });
});
