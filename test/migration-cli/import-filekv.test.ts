import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { buildCommand } from '../../server/protocol/messages/command.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { writeKey } from '../build/filekv.ts';
import { graphmdm, scratch } from '../cli/cli.ts';
import { startServer, type TestServer } from '../harness/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** What filekv has of a device that has enrolled. */
function fill(root: string, device: Device): void {
  const { enrollmentId: id, facts, identity, pushToken, pushMagic } = device;
  const about = { UDID: id, Topic: facts.topic };
  const token = { ...about, Token: pushToken, PushMagic: pushMagic };
  writeKey(root, 'devices', `${id}.auth`, buildPlist({ MessageType: 'Authenticate', ...about }));
  writeKey(root, 'devices', `${id}.tok_upd`, buildPlist({ MessageType: 'TokenUpdate', ...token }));
  writeKey(root, 'devices', `${id}.cert`, identity.certificate);
  writeKey(root, 'devices', `${id}.bstoken`, Buffer.from('bootstrap'));
  writeKey(root, 'enrollments', `${id}.type`, 'Device');
  writeKey(root, 'enrollments', `${id}.unl_tok`, Buffer.from('unlock'));
  writeKey(root, 'enrollments', `${id}.tok_tal`, '4');
  writeKey(root, 'enrollments', `${id}.last_seen_at`, '1772366430250000');
  const hash = createHash('sha256').update(identity.certificate).digest('hex');
  writeKey(root, 'cert_auth', `${id}.cert_hash`, hash);
}

/** A command, written so many seconds after some moment. */
function fillCommand(root: string, uuid: string, seconds: number): void {
  const body = buildCommand('ProfileList', {}, uuid);
  writeKey(root, 'queue', `${uuid}.raw`, body, 1_772_366_000 + seconds);
  writeKey(root, 'queue', `${uuid}.req_type`, 'ProfileList');
}

function fillQueue(root: string, id: string, uuids: readonly string[]): void {
  writeKey(root, 'queue', `${id}.queuekey.queue.first`, uuids[0] ?? '');
  for (const [n, uuid] of uuids.entries()) {
    const next = uuids[n + 1];
    if (next !== undefined) writeKey(root, 'queue', `${id}.${uuid}.queueitem.next`, next);
  }
}

it('brings in a filekv folder, and the device goes on', async () => {
  const root = scratch();
  const device = await server.device(1);
  const gone = await server.device(2);
  const { enrollmentId: id } = device;
  fill(root, device);
  fill(root, gone);
  writeKey(root, 'enrollments', `${gone.enrollmentId}.disabled`, '1');
  writeKey(root, 'devices', `${gone.enrollmentId}:user.auth`, 'junk');
  writeKey(root, 'users', 'LOST:user.device_ch', 'LOST');
  for (const [uuid, at] of [
    ['K-B', 1],
    ['K-A', 2],
    ['K-C', 3],
    ['K-DONE', 0],
  ] as const) {
    fillCommand(root, uuid, at);
  }
  fillQueue(root, id, ['K-B', 'K-A', 'K-C']);
  fillQueue(root, gone.enrollmentId, ['K-C']);
  writeKey(root, 'queue', `${id}.K-B.queueitem.status`, 'NotNow');
  writeKey(root, 'queue', `${id}.K-DONE.queueitem.status`, 'Acknowledged');
  const report = buildPlist({ UDID: id, CommandUUID: 'K-DONE', Status: 'Acknowledged' });
  writeKey(root, 'queue', `${id}.K-DONE.queueitem.report`, report);

  const fields = ['--json', 'what,id,code'];
  const argv = ['import', 'nanomdm', root, '--verify', ...fields];
  const { status, stdout, stderr } = await graphmdm(server, argv);
  const told = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(told.filter(({ what }) => what !== 'count')).toEqual([
    { what: 'left', id: `${gone.enrollmentId}:user`, code: 'JUNK_DEVICE' },
    { what: 'left', id: 'LOST:user', code: 'USER_WITHOUT_DEVICE' },
    { what: 'left', id: gone.enrollmentId, code: 'NOT_ENABLED' },
  ]);
  expect(stderr).toMatch(/ 0 were refused[\s\S]* 0 are not, 0 are newer here/);
  expect(status).toBe(4);
  expect(await device.getBootstrapToken()).toEqual(Buffer.from('bootstrap'));
  const taken = (await device.channel.connect()).map(({ command }) => command.uuid);
  expect(taken).toEqual(['K-B', 'K-A', 'K-C']);
  const { rows } = await server.store.database.graph.query(
    'select enabled, token_update_tally as tally from enrollment order by id = $1 desc',
    [id],
  );
  expect(rows).toEqual([
    { enabled: true, tally: 4 },
    { enabled: false, tally: 4 },
  ]);
  const none = await graphmdm(server, ['import', 'nanomdm', scratch()]);
  expect(none.stderr).toContain('SOURCE_UNREADABLE');
});
