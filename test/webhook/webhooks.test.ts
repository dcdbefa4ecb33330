import { createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createClient } from '../../clients/sdk/client.ts';
import { CursorError } from '../../clients/sdk/errors.ts';
import { type BridgeOptions, runBridge } from '../../clients/webhook/bridge.ts';
import { cursorFile } from '../../clients/webhook/cursor-file.ts';
import { deadLetters } from '../../clients/webhook/dead-letters.ts';
import { replay } from '../../clients/webhook/replay.ts';
import { createSender } from '../../clients/simulator/http.ts';
import { parsePlist } from '../../server/protocol/plist/parse.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { struckClock } from '../push/struck-clock.ts';
import { type Received, startReceiver, type WebhookReceiver } from './receiver.ts';

const hmacKey = 'webhook-secret';
const clock = struckClock(5_000);

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ clock, flags: ['--idle-events', '1s', '--ua-zl-dc'] });
});
afterAll(() => server.stop());

let folder: string;
let receiver: WebhookReceiver;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'graphmdm-webhook-'));
  receiver = await startReceiver();
});
afterEach(async () => {
  await receiver.close();
  rmSync(folder, { recursive: true, force: true });
});

interface RunningBridge {
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

const inFolder = (name: string) => join(folder, name);

/** Starts a bridge that follows from here on; what it is told is done when this resolves. */
async function bridge(options: Partial<BridgeOptions> = {}): Promise<RunningBridge> {
  const mdm = createClient({ url: server.url, token: adminToken, webSocketImpl: WebSocket });
  const end = new AbortController();
  let following = (): void => {};
  const started = new Promise<void>((resolve) => {
    following = resolve;
  });
  const ended = runBridge({
    mdm,
    receiver: { url: receiver.url, hmacKey, timeout: 5_000 },
    cursors: cursorFile(inFolder('cursor')),
    deadLetterFile: inFolder('dead'),
    from: null,
    giveUpAfter: 60_000,
    tries: 2,
    topics: null,
    retry: { minDelay: 1, maxDelay: 5 },
    log: ({ message }) => message === 'following' && following(),
    now: Date.now,
    signal: end.signal,
    ...options,
  }).finally(() => mdm.close());
  await Promise.race([started, ended]);
  return {
    ended,
    async stop() {
      end.abort();
      await ended;
    },
  };
}

const topics = (received: readonly Received[]) => received.map(({ json }) => json.topic);
const raw = (one: Received | undefined) => {
  const { checkin_event: checkIn, acknowledge_event: report } = one?.json ?? {};
  return Buffer.from(String((checkIn ?? report)?.['raw_payload']), 'base64');
};

const sender = createSender();
afterAll(() => sender.close());

describe('webhooks', () => {
  it('are NanoMDM’s: for each message of a device one, signed, with its raw bytes', async () => {
    const running = await bridge();
    const device = await server.device(1);
    await device.enrol();
    await device.setBootstrapToken(Buffer.from('bootstrap secret'));
    await device.getBootstrapToken();
    await enqueue(server, [device.enrollmentId], aCommand('webhook-1'));
    await device.channel.report('webhook-1', { status: 'NotNow' });
    await device.channel.report('webhook-1', { status: 'Acknowledged' });
    await device.channel.report('never-heard-of', { status: 'Error' });
    await device.checkOut();
    await receiver.until((all) => all.length === 8);
    await running.stop();
    const { received } = receiver;
    expect(topics(received)).toEqual([
      'mdm.Authenticate',
      'mdm.TokenUpdate',
      'mdm.SetBootstrapToken',
      'mdm.GetBootstrapToken',
      'mdm.Connect',
      'mdm.Connect',
      'mdm.Connect',
      'mdm.CheckOut',
    ]);
    const ids = { id: device.enrollmentId, type: 'Device' };
    const [authenticate, tokenUpdate, , , notNow, acknowledged, stray] = received;
    expect(authenticate?.json).toEqual({
      checkin_event: { ids, raw_payload: expect.any(String), udid: device.enrollmentId },
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?Z$/),
      event_id: expect.stringMatching(/^[\da-f]{32}$/),
      topic: 'mdm.Authenticate',
    });
    expect(tokenUpdate?.json.checkin_event).toMatchObject({ token_update_tally: 1 });
    expect(parsePlist(raw(tokenUpdate))).toMatchObject({ PushMagic: device.pushMagic });
    expect(parsePlist(raw(received[2]))).toMatchObject({
      BootstrapToken: Buffer.from('bootstrap secret'),
    });
    expect(notNow?.json.acknowledge_event).toMatchObject({
      command_uuid: 'webhook-1',
      status: 'NotNow',
    });
    expect(parsePlist(raw(notNow))).toEqual({
      UDID: device.enrollmentId,
      Status: 'NotNow',
      CommandUUID: 'webhook-1',
    });
    expect(Object.keys(acknowledged?.json.acknowledge_event ?? {})).toEqual([
      'command_uuid',
      'ids',
      'raw_payload',
      'status',
      'udid',
    ]);
    expect(parsePlist(raw(acknowledged))).toMatchObject({ Status: 'Acknowledged' });
    expect(stray?.json.acknowledge_event).toMatchObject({
      command_uuid: 'never-heard-of',
      status: 'Error',
    });
    expect(parsePlist(raw(stray))).toMatchObject({ CommandUUID: 'never-heard-of' });
    for (const { body, signature, contentType } of received) {
      expect(signature).toBe(createHmac('sha256', hmacKey).update(body).digest('base64'));
      expect(contentType).toBe('application/json; charset=utf-8');
      expect(body).not.toMatch(/^\{\s/);
    }
  });

  it('name channels as NanoMDM does, and carry the query of the address', async () => {
    const running = await bridge();
    const device = await server.device(2, {
      address: {
        serverUrl: new URL(`${server.deviceUrl}?tenant=7&tenant=8&empty=`),
        proof: { by: 'signature', style: 'apple' },
        send: sender.send,
      },
    });
    await device.enrol();
    const user = device.user({ id: 'U1', shortName: 'ann', longName: 'Ann' });
    await user.userAuthenticate();
    await user.tokenUpdate();
    await receiver.until((all) => all.length === 4);
    await running.stop();
    const [authenticate, , userAuthenticate, tokenUpdate] = receiver.received;
    expect(authenticate?.json.checkin_event?.['url_params']).toEqual({ tenant: '7', empty: '' });
    const ids = {
      id: `${device.enrollmentId}:U1`,
      parent_id: device.enrollmentId,
      type: 'User',
    };
    expect(userAuthenticate?.json).toMatchObject({
      topic: 'mdm.UserAuthenticate',
      checkin_event: { ids, udid: device.enrollmentId },
    });
    expect(tokenUpdate?.json.checkin_event).toMatchObject({ ids, token_update_tally: 1 });
  });

  it('are only those of the topics that are wanted', async () => {
    const running = await bridge({ topics: new Set(['mdm.TokenUpdate']) });
    await (await server.device(11)).enrol();
    await receiver.until((all) => all.length === 1);
    await running.stop();
    expect(topics(receiver.received)).toEqual(['mdm.TokenUpdate']);
  });

  it('tell of polls where the server does', async () => {
    const running = await bridge();
    const device = await server.device(3);
    await device.enrol();
    await device.channel.poll();
    await receiver.until((all) => all.length === 2);
    clock.strike();
    await receiver.until((all) => all.length === 3);
    await running.stop();
    expect(receiver.received[2]?.json).toMatchObject({
      topic: 'mdm.Connect',
      acknowledge_event: { status: 'Idle', udid: device.enrollmentId },
    });
    expect(receiver.received[2]?.json.acknowledge_event).not.toHaveProperty('command_uuid');
    expect(parsePlist(raw(receiver.received[2]))).toEqual({
      UDID: device.enrollmentId,
      Status: 'Idle',
    });
  });
});

describe('a receiver that is away', () => {
  it('gets everything later, each enrolment’s in order, while others don’t wait', async () => {
    const running = await bridge();
    const [slow, other] = [await server.device(4), await server.device(5)];
    receiver.answer = ({ checkin_event: event }, earlier) => {
      if (event?.['udid'] !== slow.enrollmentId || earlier > 3) return 200;
      return earlier === 0 ? 503 : earlier === 1 ? 'hang up' : 429;
    };
    await slow.enrol();
    await other.enrol();
    await receiver.until((all) => all.length === 4);
    await running.stop();
    const of = (id: string) =>
      topics(receiver.received.filter(({ json }) => json.checkin_event?.['udid'] === id));
    for (const { enrollmentId } of [slow, other]) {
      expect(of(enrollmentId)).toEqual(['mdm.Authenticate', 'mdm.TokenUpdate']);
    }
    expect(existsSync(inFolder('dead'))).toBe(false);
  });

  it('loses what it does not take to the dead letters, from which it can be posted again', async () => {
    const running = await bridge();
    const device = await server.device(6);
    receiver.answer = ({ topic }) => (topic === 'mdm.Authenticate' ? 500 : 200);
    await device.enrol();
    await receiver.until((all) => all.length === 1);
    await running.stop();
    expect(topics(receiver.received)).toEqual(['mdm.TokenUpdate']);
    const [body = ''] = deadLetters(inFolder('dead'));
    expect(JSON.parse(body)).toMatchObject({ topic: 'mdm.Authenticate' });
    expect(statSync(inFolder('dead')).mode & 0o077).toBe(0);
    expect(JSON.parse(readFileSync(inFolder('dead'), 'utf8'))).toMatchObject({
      tries: 2,
      why: '500 Internal Server Error',
    });
    const again = { url: receiver.url, hmacKey, timeout: 5_000 };
    expect(await replay(inFolder('dead'), again)).toEqual({ taken: 0, left: 1 });
    receiver.answer = () => 200;
    expect(await replay(inFolder('dead'), again)).toEqual({ taken: 1, left: 0 });
    expect(existsSync(inFolder('dead'))).toBe(false);
    expect(receiver.received.at(-1)?.body).toBe(body);
  });

  it('that sends them elsewhere has not taken them', async () => {
    const running = await bridge();
    const device = await server.device(12);
    receiver.answer = ({ topic }) => (topic === 'mdm.Authenticate' ? 302 : 200);
    receiver.location = '/elsewhere';
    await device.enrol();
    await receiver.until((all) => all.length === 1);
    await running.stop();
    expect(readFileSync(inFolder('dead'), 'utf8')).toContain('302 Found to /elsewhere');
  });

  it('is given up for one webhook after a time', async () => {
    let time = 0;
    const running = await bridge({ giveUpAfter: 1_000, now: () => (time += 400) });
    const device = await server.device(7);
    receiver.answer = ({ topic }) => (topic === 'mdm.Authenticate' ? 502 : 200);
    await device.enrol();
    await receiver.until((all) => all.length === 1);
    await running.stop();
    expect(deadLetters(inFolder('dead'))).toHaveLength(1);
  });
});

describe('the stored cursor', () => {
  it('is where the next start goes on: nothing is lost that happens meanwhile', async () => {
    const first = await bridge();
    await (await server.device(8)).enrol();
    await receiver.until((all) => all.length === 2);
    await first.stop();
    const device = await server.device(9);
    await device.enrol();
    const second = await bridge();
    await receiver.until((all) => all.length === 4);
    await second.stop();
    expect(receiver.received.slice(2).map(({ json }) => json.checkin_event?.['udid'])).toEqual([
      device.enrollmentId,
      device.enrollmentId,
    ]);
    expect(statSync(inFolder('cursor')).mode & 0o077).toBe(0);
  });

  it('never passes what is not delivered, also when the program ends', async () => {
    receiver.answer = ({ topic }) => (topic === 'mdm.Authenticate' ? 503 : 200);
    const first = await bridge();
    const device = await server.device(10);
    await device.enrol();
    const tried = new Promise<void>((resolve) => {
      receiver.answer = () => {
        resolve();
        return 503;
      };
    });
    await tried;
    await first.stop();
    expect(receiver.received).toEqual([]);
    receiver.answer = () => 200;
    const second = await bridge();
    await receiver.until((all) => all.length === 2);
    await second.stop();
    expect(topics(receiver.received)).toEqual(['mdm.Authenticate', 'mdm.TokenUpdate']);
  });

  it('says so when it cannot be followed any more', async () => {
    writeFileSync(inFolder('cursor'), 'not a cursor of this server\n');
    const running = await bridge();
    await expect(running.ended).rejects.toThrow(CursorError);
  });
});
