import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultTopic } from '../../clients/simulator/facts.ts';
import { createSender } from '../../clients/simulator/http.ts';
import { parseSettings } from '../../server/config.ts';
import { nanomdmKey } from '../../server/nanomdm-side.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { hasNanomdm, startNanomdm } from '../migration-cli/nanomdm.ts';

const key = 'the-migration-key';
/** NanoMDM's own tool, where there is one; NANOMDM_BIN fills the storage that it reads. */
const nano2nano = process.env['GRAPHMDM_NANO2NANO'];

describe('/migration', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({
      flags: ['--migration', '--nanomdm-api-key', key, '--retro', '--disable-api'],
    });
  });
  afterAll(() => server.stop());

  /** As nano2nano sends: PUT, Basic, no Content-Type. */
  async function send(message: PlistDict | string, more: RequestInit = {}) {
    const raw = typeof message === 'string' ? Buffer.from(message) : buildPlist(message);
    const response = await fetch(`${server.url}/migration`, {
      method: 'PUT',
      headers: { Authorization: `Basic ${Buffer.from(`nanomdm:${key}`).toString('base64')}` },
      body: Uint8Array.from(raw),
      ...more,
    });
    return { status: response.status, body: await response.text() };
  }

  const about = (MessageType: string, UDID: string, fields: PlistDict = {}): PlistDict => ({
    MessageType,
    UDID,
    Topic: defaultTopic,
    ...fields,
  });
  const push = { Token: Buffer.alloc(32, 1), PushMagic: 'magic' };

  const row = async (id: string) => {
    const { rows } = await server.store.database.graph.query(
      'select enabled, token_update_tally, heard_at from enrollment where id = $1',
      [id],
    );
    return rows[0];
  };

  it('takes what nano2nano and llorne send, and the device goes on with --retro', async () => {
    const device = await server.device(1);
    const id = device.enrollmentId;
    expect(await send(about('Authenticate', id))).toEqual({ status: 200, body: '' });
    const token = { Token: device.pushToken, PushMagic: device.pushMagic };
    expect(await send(about('TokenUpdate', id, token))).toEqual({ status: 200, body: '' });
    const user = { UserID: 'u', UserShortName: 'ann', ...push };
    expect(await send(about('TokenUpdate', id, user))).toMatchObject({ status: 200 });
    const escrow = { BootstrapToken: Buffer.from('secret') };
    expect(await send(about('SetBootstrapToken', id, escrow))).toMatchObject({ status: 200 });
    expect((await send(about('GetBootstrapToken', id))).body).toContain('c2VjcmV0');
    expect(await device.channel.poll()).toBeNull();
    expect(await row(id)).toMatchObject({ enabled: true, token_update_tally: 1 });
    expect(await row(`${id}:u`)).toMatchObject({ enabled: true });
    // Sent again, it takes nothing back from a device that has moved.
    expect((await device.tokenUpdate()).status).toBe(200);
    expect(await send(about('Authenticate', id))).toMatchObject({ status: 200 });
    expect(await send(about('TokenUpdate', id, push))).toMatchObject({ status: 200 });
    expect(await send(about('CheckOut', id))).toMatchObject({ status: 200 });
    expect(await row(id)).toMatchObject({ enabled: true, token_update_tally: 2 });
    expect(await device.channel.poll()).toBeNull();
  });

  it('answers as NanoMDM does where it cannot', async () => {
    const status = async (message: PlistDict | string) => (await send(message)).status;
    expect(await status('')).toBe(400);
    expect(await status('no plist')).toBe(400);
    expect(await status({ UDID: 'A', Status: 'Idle' })).toBe(400);
    expect(await status(about('UserAuthenticate', 'A', { UserID: 'u' }))).toBe(410);
    expect(await status(about('TokenUpdate', 'NEVER', push))).toBe(500);
    expect(await status(about('TokenUpdate', 'NEVER', { ...push, UserID: 'u' }))).toBe(500);
    expect(await status(about('GetBootstrapToken', 'NEVER'))).toBe(500);
    expect(await status(about('SetBootstrapToken', 'NEVER'))).toBe(200);
    expect(await status(about('Authenticate', 'NEVER', { UserID: 'u' }))).toBe(500);
    expect(await status(about('DeclarativeManagement', 'NEVER', { Endpoint: 'tokens' }))).toBe(500);
    expect(await row('NEVER')).toBeUndefined();
    expect((await send(about('Authenticate', 'POSTED'), { method: 'POST' })).status).toBe(200);
    expect(await row('POSTED')).toMatchObject({ enabled: false, heard_at: null });
  });

  it('is closed without the key, and is not there without its switch', async () => {
    expect((await send(about('Authenticate', 'X'), { headers: {} })).status).toBe(401);
    const wrong = { Authorization: `Basic ${Buffer.from('nanomdm:wrong').toString('base64')}` };
    expect((await send(about('Authenticate', 'X'), { headers: wrong })).status).toBe(401);
    expect((await fetch(`${server.url}/v1/push/X`)).status).toBe(404);
    const configured = parseSettings(['--migration'], {});
    if (!('settings' in configured)) throw new Error('not configured');
    expect(() => nanomdmKey(configured.settings)).toThrow('--nanomdm-api-key');
  });

  const there = nano2nano !== undefined && hasNanomdm('filekv');
  it.runIf(there)('takes all that the real nano2nano sends, and the devices go on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'graphmdm-nano2nano-'));
    const nanomdm = await startNanomdm('filekv', server.authority, folder);
    const sender = createSender();
    try {
      const serverUrl = new URL('/mdm', nanomdm.url);
      const proof = { by: 'signature', style: 'apple' } as const;
      const device = await server.device(2, { address: { serverUrl, proof, send: sender.send } });
      await device.enrol();
      await device.setBootstrapToken(Buffer.from('bootstrap'));
      const user = device.user({ id: 'u1', shortName: 'ann', longName: 'Ann' });
      expect((await user.tokenUpdate()).status).toBe(200);
      await nanomdm.stop();

      const { stdout, stderr } = await promisify(execFile)(nano2nano ?? '', [
        ...['-storage', 'filekv', '-storage-dsn', join(folder, 'dbkv')],
        ...['-url', `${server.url}/migration`, '-key', key],
      ]);
      expect(stdout + stderr).not.toContain('err=');
      const id = device.enrollmentId;
      expect(await row(id)).toMatchObject({ enabled: true, token_update_tally: 1 });
      expect(await row(`${id}:u1`)).toMatchObject({ enabled: true });
      const moved = await server.device(2, { identity: device.identity });
      expect(await moved.channel.poll()).toBeNull();
    } finally {
      sender.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
