import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeAuthority, issueIdentity } from '../../clients/simulator/identity.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import {
  aMigratedCommand,
  anAssociation,
  anAuthenticate,
  aTokenUpdate,
  recordsOf,
} from '../build/migration-records.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { enrollment, migrate, upload } from './documents.ts';
import { begin, bringIn, ended, graphOf, send } from './stage.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('an import', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());

  const sql = async (text: string, values: unknown[] = []) =>
    (await server.store.database.graph.query(text, values)).rows;

  const found = async (id: string) =>
    (await dataOf(ask(graphOf(server), adminToken, enrollment, { id }))).enrollment;

  const wrong = ({ errors }: { errors: readonly { line: number | null; code: string }[] }) =>
    errors.map(({ line, code }) => `${line} ${code}`);

  it('lets a device go on without noticing: certificate, queue in order, NotNow, tokens', async () => {
    const device = await server.device(1);
    const id = device.enrollmentId;
    const waiting = (commandUuid: string, more: object = {}) => ({
      kind: 'queueEntry',
      enrollment: id,
      commandUuid,
      ...more,
    });
    const imported = await bringIn(server, [
      // Whatever the order of the lines.
      waiting('M-2', { queuedAt: '2026-03-02T00:00:00Z' }),
      waiting('M-1', { notNowAt: '2026-03-01T00:00:01Z', notNowTally: 3 }),
      waiting('M-3', { priority: 5 }),
      {
        kind: 'result',
        enrollment: id,
        commandUuid: 'M-0',
        status: 'Acknowledged',
        result: buildPlist({ UDID: id, CommandUUID: 'M-0', Status: 'Acknowledged' }).toString(),
        answeredAt: '2026-02-01T00:00:00.123456Z',
      },
      aMigratedCommand('M-2', { createdAt: '2026-03-02T00:00:00.000002Z' }),
      aMigratedCommand('M-3', { createdAt: '2026-03-03T00:00:00Z' }),
      aMigratedCommand('M-1', { createdAt: '2026-03-02T00:00:00.000001Z' }),
      aMigratedCommand('M-0'),
      { kind: 'bootstrapToken', enrollment: id, token: base64('escrowed') },
      { kind: 'tally', enrollment: id, tokenUpdateTally: 7 },
      { kind: 'timestamps', enrollment: id, lastSeenAt: '2026-03-01T00:00:00Z' },
      ...recordsOf(device).toReversed(),
    ]);
    expect(imported).toMatchObject({ state: 'SUCCEEDED', done: 14, failed: 0, errors: [] });
    expect(await found(id)).toMatchObject({
      enabled: true,
      tokenUpdateTally: 7,
      serialNumber: device.facts.serialNumber,
    });
    expect(await device.getBootstrapToken()).toEqual(Buffer.from('escrowed'));
    // M-1 was put off: it comes back with the first report of another kind, and with every poll.
    const answered = await device.channel.connect();
    expect(answered.map(({ command }) => command.uuid)).toEqual(['M-3', 'M-1', 'M-2']);
    expect(
      await sql(
        `select c.uuid, r.not_now_tally from command_result r join command c on c.key = r.command_key
         where c.uuid like 'M-%' order by c.uuid`,
      ),
    ).toEqual([
      { uuid: 'M-0', not_now_tally: 0 },
      { uuid: 'M-1', not_now_tally: 3 },
      { uuid: 'M-2', not_now_tally: 0 },
      { uuid: 'M-3', not_now_tally: 0 },
    ]);
    // A result that came in has no event of its own.
    expect(
      await sql(
        `select type, count(*)::int from event e join enrollment n on n.key = e.enrollment_key
        where n.id = $1 and type in ('EnrollmentMigrated', 'CommandAnswered') group by type order by type`,
        [id],
      ),
    ).toEqual([
      { type: 'CommandAnswered', count: 3 },
      { type: 'EnrollmentMigrated', count: 1 },
    ]);
  });

  it('done again changes nothing, and tells nothing', async () => {
    const device = await server.device(2);
    const lines = [
      ...recordsOf(device, { at: '2026-01-01T00:00:00Z' }),
      { kind: 'unlockToken', enrollment: device.enrollmentId, token: base64('unlock') },
      aMigratedCommand('AGAIN'),
      { kind: 'queueEntry', enrollment: device.enrollmentId, commandUuid: 'AGAIN' },
    ];
    await bringIn(server, lines);
    const state = () =>
      sql(
        `select e.*, (select count(*) from event v where v.enrollment_key = e.key) as events,
           (select count(*) from check_in c where c.enrollment_key = e.key) as messages,
           (select count(*) from queue_entry q where q.enrollment_key = e.key) as queue,
           (select target_count from command where uuid = 'AGAIN') as targets
         from enrollment e where id = $1`,
        [device.enrollmentId],
      );
    const before = await state();
    expect(await bringIn(server, lines)).toMatchObject({ done: 6, failed: 0 });
    expect(await state()).toEqual(before);
    expect(before).toMatchObject([{ events: '1', messages: '2', queue: '1', targets: 1 }]);
  });

  it('never takes a device back: what it has told this server is newer', async () => {
    const device = await server.device(3);
    const lines = [
      ...recordsOf(device, { at: '2026-01-01T00:00:00Z' }),
      { kind: 'bootstrapToken', enrollment: device.enrollmentId, token: base64('old') },
    ];
    await bringIn(server, lines);
    device.pushMagic = 'NEW MAGIC';
    expect((await device.tokenUpdate()).status).toBe(200);
    await device.setBootstrapToken(Buffer.from('new'));
    await bringIn(server, [...lines, { kind: 'disabled', enrollment: device.enrollmentId }]);
    expect(await device.getBootstrapToken()).toEqual(Buffer.from('new'));
    expect(await found(device.enrollmentId)).toMatchObject({ enabled: true, tokenUpdateTally: 2 });
    const [row] = await sql('select token_updated_at from enrollment where id = $1', [
      device.enrollmentId,
    ]);
    expect(row?.['token_updated_at'].getUTCFullYear()).toBe(new Date().getUTCFullYear());
    // What is from later than that wins: the device had gone back meanwhile.
    const later = new Date(Date.now() + 60_000).toISOString();
    const push = { Token: device.pushToken, PushMagic: 'BACK', Topic: 'com.apple.mgmt.back' };
    await bringIn(server, [aTokenUpdate(device.enrollmentId, push, { at: later })]);
    expect(await found(device.enrollmentId)).toMatchObject({ topic: 'com.apple.mgmt.back' });
  });

  it('takes the newest of several tokens, else the later line, and lists the others', async () => {
    const token = (magic: string, more: object) =>
      aTokenUpdate('TWICE', { PushMagic: magic }, more);
    const topic = (name: string) => ({ Topic: `com.apple.mgmt.${name}` });
    const imported = await bringIn(server, [
      anAuthenticate('TWICE'),
      aTokenUpdate('TWICE', topic('newest'), { at: '2026-02-02T00:00:00+02:00' }),
      token('older', { at: '2026-02-01T21:59:59Z' }),
      anAuthenticate('LATER'),
      aTokenUpdate('LATER', topic('first')),
      aTokenUpdate('LATER', topic('second')),
      aTokenUpdate('LATER', topic('second')),
    ]);
    expect(wrong(imported)).toEqual(['5 SUPERSEDED', '3 SUPERSEDED']);
    expect(imported).toMatchObject({ done: 5, failed: 2, total: 7 });
    expect(await found('TWICE')).toMatchObject({ topic: 'com.apple.mgmt.newest' });
    expect(await found('LATER')).toMatchObject({ topic: 'com.apple.mgmt.second' });
  });

  it('binds a device to its certificate, and to whichever of several it uses', async () => {
    const old = await server.device(5);
    const identity = await issueIdentity(server.authority, { commonName: 'newer', key: 'ec' });
    await bringIn(server, [
      ...recordsOf(old, { at: '2026-01-01T00:00:00Z' }),
      anAssociation(old.enrollmentId, identity.certificate, { at: '2026-02-01T00:00:00Z' }),
    ]);
    // The newest is taken for the one in use; the device still has the one before.
    expect(await old.channel.poll()).toBeNull();
    const [row] = await sql(
      'select cert_hash, enabled, token_update_tally from enrollment where id = $1',
      [old.enrollmentId],
    );
    expect(row).toMatchObject({ enabled: true, token_update_tally: 1 });
    old.identity = identity;
    await expect(old.channel.poll()).rejects.toThrow('409');
  });

  it('refuses a certificate that is another device’s, and any but its own', async () => {
    const device = await server.device(6);
    const thief = await server.device(7);
    await device.enrol();
    const imported = await bringIn(server, [
      anAuthenticate(thief.enrollmentId),
      aTokenUpdate(thief.enrollmentId),
      anAssociation(thief.enrollmentId, device.identity.certificate),
    ]);
    expect(wrong(imported)).toEqual([
      '1 CERTIFICATE_TAKEN',
      '2 CERTIFICATE_TAKEN',
      '3 CERTIFICATE_TAKEN',
    ]);
    expect(await found(thief.enrollmentId)).toBeNull();
    const bound = await server.device(8);
    await bringIn(server, recordsOf(bound));
    bound.identity = thief.identity;
    await expect(bound.channel.poll()).rejects.toThrow('409');
  });

  it('brings users in with their device, and none without', async () => {
    const imported = await bringIn(server, [
      aTokenUpdate('OWNED', { UserID: 'u1', UserShortName: 'ann' }),
      aTokenUpdate('NOBODYS', { UserID: 'u1' }),
      aTokenUpdate('OWNED'),
      { kind: 'tally', enrollment: 'OWNED:u1', tokenUpdateTally: 4 },
      anAuthenticate('OWNED'),
      aTokenUpdate('ALONE'),
      { kind: 'tally', enrollment: 'UNHEARD', tokenUpdateTally: 4 },
    ]);
    expect(wrong(imported).toSorted()).toEqual([
      '2 DEVICE_NOT_IMPORTED',
      '6 MISSING_AUTHENTICATE',
      '7 UNKNOWN_ENROLLMENT',
    ]);
    expect(await found('OWNED:u1')).toMatchObject({
      __typename: 'UserChannel',
      enabled: true,
      tokenUpdateTally: 4,
    });
    const [row] = await sql(
      `select d.id from enrollment u join enrollment d on d.key = u.device_key where u.id = 'OWNED:u1'`,
    );
    expect(row).toEqual({ id: 'OWNED' });
  });

  it('holds an enrolment back of which a record is bad, and lists what is wrong with each line', async () => {
    const cut = JSON.stringify(aTokenUpdate('CUT')).slice(0, 150);
    const imported = await bringIn(server, [
      anAuthenticate('CUT'),
      cut,
      '{"kind":"tokenUpdate"',
      '[]',
      { kind: 'surprise' },
      { ...anAuthenticate('FOREIGN'), raw: base64('<plist><dict/></plist>') },
      { ...anAuthenticate('OTHER'), enrollment: 'NOT-OTHER' },
      { ...anAuthenticate('TYPO'), ta: '2026-01-01T00:00:00Z' },
      { kind: 'tally', enrollment: 'X', tokenUpdateTally: -1 },
      { ...aTokenUpdate('MIXED'), kind: 'authenticate' },
      { ...anAuthenticate('U', { UserID: 'u' }), enrollment: 'U:u' },
      { kind: 'certificateAssociation', enrollment: 'CUT', sha256: 'ab' },
      aMigratedCommand('C-1', { requestType: 'DeviceLock' }),
      { kind: 'command', commandUuid: 'C-2', body: base64('no plist') },
      { kind: 'result', enrollment: 'CUT', commandUuid: 'C-3', status: 'NotNow' },
      { kind: 'queueEntry', enrollment: 'GOOD', commandUuid: 'NONE' },
      anAuthenticate('GOOD'),
      aTokenUpdate('GOOD'),
      { kind: 'result', enrollment: 'GOOD', commandUuid: 'NONE', status: 'Error' },
      { kind: 'pushCertificate', certificate: 'none', key: 'none' },
    ]);
    expect(wrong(imported).toSorted()).toEqual(
      [
        '1 ENROLLMENT_HELD_BACK',
        '2 NOT_JSON',
        '3 NOT_JSON',
        '4 UNKNOWN_KIND',
        '5 UNKNOWN_KIND',
        '6 UNKNOWN_MESSAGE_TYPE',
        '7 ENROLLMENT_MISMATCH',
        '8 BAD_RECORD',
        '9 BAD_RECORD',
        '10 WRONG_MESSAGE',
        '11 AUTHENTICATE_ON_USER_CHANNEL',
        '12 BAD_RECORD',
        '13 COMMAND_MISMATCH',
        '14 NOT_A_PLIST',
        '15 NOT_NOW_IS_QUEUED',
        '16 UNKNOWN_COMMAND',
        '19 UNKNOWN_COMMAND',
        '20 NO_CERTIFICATE',
      ].toSorted(),
    );
    expect(imported).toMatchObject({ state: 'SUCCEEDED', done: 2, failed: 18, total: 20 });
    expect(await found('CUT')).toBeNull();
    expect(await found('GOOD')).toMatchObject({ enabled: true });
  });

  it('keeps what was disabled disabled, and queues nothing for it', async () => {
    const imported = await bringIn(server, [
      anAuthenticate('GONE'),
      aTokenUpdate('GONE'),
      { kind: 'disabled', enrollment: 'GONE', at: '2026-01-01T00:00:00Z' },
      aMigratedCommand('FOR-GONE'),
      { kind: 'queueEntry', enrollment: 'GONE', commandUuid: 'FOR-GONE' },
    ]);
    expect(wrong(imported)).toEqual(['5 NOT_ENABLED']);
    expect(await found('GONE')).toMatchObject({ enabled: false, disabledReason: 'CHECKED_OUT' });
  });

  it('ends here what has ended there meanwhile', async () => {
    const lines = [
      anAuthenticate('TAIL'),
      aTokenUpdate('TAIL'),
      aMigratedCommand('TAIL-1'),
      { kind: 'queueEntry', enrollment: 'TAIL', commandUuid: 'TAIL-1' },
    ];
    await bringIn(server, lines);
    const answered = { kind: 'result', enrollment: 'TAIL', commandUuid: 'TAIL-1', status: 'Error' };
    await bringIn(server, [...lines, answered]);
    expect(
      await sql(
        `select (select count(*)::int from queue_entry q where q.command_key = c.key) as waiting,
           (select count(*)::int from command_result r where r.command_key = c.key) as ended,
           c.target_count from command c where uuid = 'TAIL-1'`,
      ),
    ).toEqual([{ waiting: 0, ended: 1, target_count: 1 }]);
  });

  it('counts how commands stand that came in, as if it had happened here', async () => {
    const ids = ['CA', 'CB', 'CC', 'CD'];
    const off = { notNowAt: '2026-03-01T00:00:00Z', notNowTally: 2 };
    const entry = (enrollment: string, more: object) => {
      return { kind: 'queueEntry', enrollment, commandUuid: 'COUNTED', ...more };
    };
    const ended = (enrollment: string, more: object) => {
      return { kind: 'result', enrollment, commandUuid: 'COUNTED', ...more };
    };
    const lines = [
      aMigratedCommand('COUNTED'),
      ...ids.flatMap((id) => [anAuthenticate(id), aTokenUpdate(id)]),
      entry('CA', off),
      entry('CB', off),
      ended('CC', { status: 'Error' }),
      ended('CD', { ended: 'EXPIRED' }),
    ];
    const counts = () =>
      sql(
        `select not_now, acknowledged, error, expired from command_count n
         join command c on c.key = n.command_key where c.uuid = 'COUNTED'`,
      );
    await bringIn(server, lines);
    await bringIn(server, lines);
    expect(await counts()).toEqual([{ not_now: 2, acknowledged: 0, error: 1, expired: 1 }]);
    await bringIn(server, [...lines, ended('CB', { status: 'Acknowledged' })]);
    expect(await counts()).toEqual([{ not_now: 1, acknowledged: 1, error: 1, expired: 1 }]);
  });

  it('tried only, changes nothing, lists the same errors, and the upload stays good', async () => {
    const uploadId = await send(server, [
      { kind: 'queueEntry', enrollment: 'TRIAL', commandUuid: 'TRIAL-1' },
      anAuthenticate('TRIAL'),
      aTokenUpdate('TRIAL'),
      aMigratedCommand('TRIAL-1'),
      { kind: 'result', enrollment: 'TRIAL', commandUuid: 'TRIAL-1', status: 'Error' },
      'nothing',
    ]);
    const trial = await ended(server, await begin(server, uploadId, { validateOnly: true }));
    expect(trial).toMatchObject({ done: 5, failed: 1, total: 6 });
    expect(wrong(trial)).toEqual(['6 NOT_JSON']);
    expect(await found('TRIAL')).toBeNull();
    expect(await sql(`select from command where uuid = 'TRIAL-1'`)).toEqual([]);
    expect(await ended(server, await begin(server, uploadId))).toMatchObject({
      done: 5,
      failed: 1,
    });
    expect(await found('TRIAL')).toMatchObject({ enabled: true });
  });

  it('takes an upload once, whole, in time, and of its own token', async () => {
    const answer = async (uploadId: string, more: object = {}) =>
      (
        await dataOf(
          ask(graphOf(server), adminToken, migrate, {
            input: { uploadId, validateOnly: false, ...more },
          }),
        )
      ).migrateEnrollments;
    const used = await send(server, [anAuthenticate('ONCE')]);
    const first = await answer(used, { idempotencyKey: 'once' });
    expect(first).toMatchObject({ replayed: false });
    expect(await answer(used, { idempotencyKey: 'once' })).toMatchObject({ replayed: true });
    expect(await answer(used)).toMatchObject({ code: 'UPLOAD_USED' });
    expect(await answer('no id')).toMatchObject({ code: 'UNKNOWN_UPLOAD' });
    const late = await send(server, [anAuthenticate('LATE')]);
    expect(await answer(late, { tenant: 'nobody' })).toMatchObject({ code: 'UNKNOWN_TENANT' });
    await sql('update upload set expires_at = now() where id = $1', [late]);
    expect(await answer(late)).toMatchObject({ code: 'UPLOAD_EXPIRED' });
    await sql(`update upload set state = 'FAILED', problem = 'cut' where id = $1`, [late]);
    expect(await answer(late)).toMatchObject({ code: 'UPLOAD_FAILED', message: 'cut' });
    await sql(
      `update upload set state = 'RECEIVING', expires_at = now() + interval '1 day' where id = $1`,
      [late],
    );
    expect(await answer(late)).toMatchObject({ code: 'UPLOAD_NOT_COMPLETE' });
    await sql('update upload set token_id = gen_random_uuid() where id = $1', [late]);
    expect(await answer(late)).toMatchObject({ code: 'UNKNOWN_UPLOAD' });
    expect(await dataOf(ask(graphOf(server), adminToken, upload, { id: used }))).toMatchObject({
      upload: { state: 'USED' },
    });
  });

  it('belongs to the tenant that it names, and touches no other’s', async () => {
    await sql(`insert into tenant (id, name) values (7, 'school')`);
    const school = await bringIn(server, [anAuthenticate('PUPIL'), aTokenUpdate('PUPIL')], {
      tenant: 'school',
    });
    expect(school.errors).toEqual([]);
    expect(await sql(`select tenant_id from enrollment where id = 'PUPIL'`)).toEqual([
      { tenant_id: 7 },
    ]);
    expect(wrong(await bringIn(server, [anAuthenticate('PUPIL')]))).toEqual([
      '1 ENROLLMENT_UNAVAILABLE',
    ]);
    const user = { enrollment: 'PUPIL:u1' };
    await bringIn(server, [aMigratedCommand('LESSON'), aTokenUpdate('PUPIL', { UserID: 'u1' })], {
      tenant: 'school',
    });
    const foreign = await bringIn(server, [
      { kind: 'disabled', ...user },
      { kind: 'tally', ...user, tokenUpdateTally: 99 },
      { kind: 'queueEntry', ...user, commandUuid: 'LESSON' },
    ]);
    expect(wrong(foreign).toSorted()).toEqual([
      '1 ENROLLMENT_UNAVAILABLE',
      '2 ENROLLMENT_UNAVAILABLE',
      '3 ENROLLMENT_UNAVAILABLE',
    ]);
    expect(await found('PUPIL:u1')).toMatchObject({ enabled: true, tokenUpdateTally: 1 });
  });

  it('lists lines in which the oddest things stand for ids and names', async () => {
    const long = randomBytes(8_000).toString('hex');
    const imported = await bringIn(server, [
      { kind: 'disabled', enrollment: 'a\u0000b' },
      '{"kind":"disabled","enrollment":"a\\u0000b","',
      { kind: 'disabled', enrollment: long },
      { kind: 'disabled', enrollment: 'ODD', ['x\u0000\ud800'.padEnd(10_000)]: 1 },
      { kind: 'queueEntry', enrollment: 'ODD\ud800', commandUuid: '\ud800' },
    ]);
    expect(imported).toMatchObject({ state: 'SUCCEEDED', failed: 5 });
    expect(wrong(imported).toSorted()).toEqual([
      '1 BAD_RECORD',
      '2 NOT_JSON',
      '3 BAD_RECORD',
      '4 BAD_RECORD',
      '5 UNKNOWN_ENROLLMENT',
    ]);
  });

  it('of what is older than an import before takes nothing back', async () => {
    const record = (day: string, topic: string) => [
      anAuthenticate('BEFORE', {}, { at: `2026-03-${day}T00:00:00Z` }),
      aTokenUpdate('BEFORE', { Topic: topic }, { at: `2026-03-${day}T00:00:00Z` }),
    ];
    const old = [
      ...record('01', 'com.apple.mgmt.old'),
      { kind: 'disabled', enrollment: 'BEFORE', at: '2026-03-02T00:00:00Z' },
    ];
    await bringIn(server, old);
    await bringIn(server, old);
    expect(await found('BEFORE')).toMatchObject({ enabled: false });
    await bringIn(server, record('05', 'com.apple.mgmt.new'));
    await bringIn(server, old);
    expect(await found('BEFORE')).toMatchObject({ enabled: true, topic: 'com.apple.mgmt.new' });
  });

  it('without a certificate waits for --retro, and trusts no other authority', async () => {
    const device = await server.device(9);
    await bringIn(server, recordsOf(device).slice(0, 2));
    await expect(device.channel.poll()).rejects.toThrow('409');
    const retro = await startServer({
      flags: ['--retro'],
      store: server.store,
      authority: server.authority,
    });
    try {
      const same = await retro.device(9, { identity: device.identity });
      expect(await same.channel.poll()).toBeNull();
      const stranger = await makeAuthority({ key: 'ec' });
      same.identity = await issueIdentity(stranger, { commonName: 'stranger', key: 'ec' });
      await expect(same.channel.poll()).rejects.toThrow('400');
    } finally {
      await retro.stop();
    }
  });
});
