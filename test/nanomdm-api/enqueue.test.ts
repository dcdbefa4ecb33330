import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { aCommand } from '../build/commands.ts';
import { idsNamed, pushables } from '../push/push-server.ts';
import { apiKey, basic, type NanomdmServer, startNanomdmServer } from './nanomdm-server.ts';

describe('/v1/enqueue and /v1/push', () => {
  let server: NanomdmServer;
  let device: Device;
  let other: Device;

  beforeAll(async () => {
    server = await startNanomdmServer();
    device = await server.device(1);
    other = await server.device(2);
    await device.enrol();
    await other.enrol();
  });
  afterAll(() => server.stop());

  it('queue a command byte for byte, push, and answer as NanoMDM does', async () => {
    const plist = aCommand('bytes');
    const answer = await server.call(`/v1/enqueue/${device.enrollmentId}`, { body: plist });
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    const apnsId = /"push_result": "([\dA-Fa-f-]{36})"/.exec(answer.text)?.[1];
    expect(answer).toMatchObject({
      status: 200,
      text: `{
\t"status": {
\t\t"${device.enrollmentId}": {
\t\t\t"push_result": "${apnsId}"
\t\t}
\t},
\t"command_uuid": "bytes",
\t"request_type": "ProfileList"
}
`,
    });
    expect(server.apple.countOf(device)).toBe(1);
    expect((await device.channel.poll())?.raw.toString()).toBe(plist);
  });

  it('push nobody when nopush says anything at all', async () => {
    const before = server.apple.countOf(device);
    const answer = await server.call(`/v1/enqueue/${device.enrollmentId}?nopush=0`, {
      body: aCommand('quiet'),
    });
    expect(answer).toMatchObject({
      status: 200,
      text: '{\n\t"no_push": true,\n\t"command_uuid": "quiet",\n\t"request_type": "ProfileList"\n}\n',
    });
    const empty = await server.call(`/v1/enqueue/${device.enrollmentId}?nopush=`, {
      body: aCommand('loud'),
    });
    expect(JSON.parse(empty.text).no_push).toBeUndefined();
    expect(server.apple.countOf(device)).toBe(before + 1);
  });

  it('tell unknown ids among known ones with 207 and queue for the known ones', async () => {
    const ids = ['zz-nobody', device.enrollmentId, '__proto__', 'a/path', other.enrollmentId];
    const answer = await server.call(`/v1/enqueue/${ids.join(',')}?nopush=1`, {
      body: aCommand('some'),
    });
    expect(answer.status).toBe(207);
    const { status, ...rest } = JSON.parse(answer.text);
    expect(rest).toEqual({ no_push: true, command_uuid: 'some', request_type: 'ProfileList' });
    expect(Object.keys(status)).toEqual(['__proto__', 'a/path', 'zz-nobody']);
    expect(status['a/path']).toEqual({ command_error: 'No enrolment has the id a/path.' });
    const queued = await server.sql(
      `select e.id from queue_entry q join command c on c.key = q.command_key
       join enrollment e on e.key = q.enrollment_key where c.uuid = 'some' order by e.key`,
    );
    expect(queued).toEqual([{ id: device.enrollmentId }, { id: other.enrollmentId }]);
  });

  it('answer 500 when all ids have an error, and for what is about no id', async () => {
    const nobody = await server.call('/v1/enqueue/nobody,nothing', { body: aCommand('none') });
    expect(nobody.status).toBe(500);
    expect(JSON.parse(nobody.text)).toEqual({
      status: {
        nobody: { command_error: 'No enrolment has the id nobody.' },
        nothing: { command_error: 'No enrolment has the id nothing.' },
      },
      command_uuid: 'none',
      request_type: 'ProfileList',
    });
    const path = `/v1/enqueue/${device.enrollmentId}`;
    for (const [where, body, words] of [
      ['/v1/enqueue/', aCommand('nowhere'), /^getting enrollment ids: empty path$/],
      ['/v1/enqueue', aCommand('nowhere'), /^getting enrollment ids: empty path$/],
      ['/v1/enqueue/,,', aCommand('nowhere'), /^getting enrollment ids: empty path$/],
      ['/v1/enqueue/%zz', aCommand('nowhere'), /^getting enrollment ids: invalid URL escape$/],
      [path, 'no plist', /./],
      [path, '<plist><dict><key>CommandUUID</key><string>x</string></dict></plist>', /RequestType/],
      [path, aCommand(''), /CommandUUID/],
      [`${path}?nopush=1`, '', /^must enqueue or push$/],
    ] as const) {
      const { status, text } = await server.call(where, { body });
      expect({ where, status }).toEqual({ where, status: 500 });
      expect(JSON.parse(text).command_error).toMatch(words);
    }
    expect(await server.sql("select 1 from command where uuid in ('nowhere', 'none')")).toEqual([]);
  });

  it('take the same command again as a repeat, and nothing else under its CommandUUID', async () => {
    const path = `/v1/enqueue/${device.enrollmentId},nobody`;
    const first = await server.call(`${path}?nopush=1`, { body: aCommand('again') });
    expect(first.status).toBe(207);
    expect(await server.call(`${path}?nopush=1`, { body: aCommand('again') })).toMatchObject({
      status: 207,
      text: first.text,
    });
    const changed = await server.call(path, { body: aCommand('again', 'DeviceInformation') });
    expect(changed.status).toBe(500);
    expect(JSON.parse(changed.text).command_error).toContain('already names another command');
    const elsewhere = await server.call(`/v1/enqueue/${other.enrollmentId}`, {
      body: aCommand('again'),
    });
    expect(elsewhere.status).toBe(500);
    expect(await server.sql("select target_count from command where uuid = 'again'")).toEqual([
      { target_count: 1 },
    ]);
  });

  it('let a client that heard “push failed” try again, as MDMDirector does', async () => {
    const token = device.pushToken.toString('hex');
    server.apple.rules.push((push) =>
      push.token === token ? { do: 'refuse', reason: 'InternalServerError' } : undefined,
    );
    const path = `/v1/enqueue/${device.enrollmentId}`;
    const failed = await server.call(path, { body: aCommand('retried') });
    expect(failed.status).toBe(500);
    expect(JSON.parse(failed.text).status[device.enrollmentId].push_error).toMatch(
      /^push HTTP status: 500: APNs push error: InternalServerError$/,
    );
    server.apple.rules.length = 0;
    const retried = await server.call(path, { body: aCommand('retried') });
    expect(retried.status).toBe(200);
    expect(await server.sql("select target_count from command where uuid = 'retried'")).toEqual([
      { target_count: 1 },
    ]);
  });

  it('are pushes when the body is empty, by any method', async () => {
    for (const [method, path, query] of [
      ['PUT', '/v1/enqueue/', ''],
      ['GET', '/v1/push/', '?nopush=1'],
      ['POST', '/v1/push/', ''],
      ['DELETE', '/v1/push/', ''],
    ] as const) {
      const before = server.apple.countOf(device);
      const answer = await server.call(`${path}${device.enrollmentId}${query}`, { method });
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.text)).toEqual({
        status: { [device.enrollmentId]: { push_result: expect.any(String) } },
      });
      expect(server.apple.countOf(device)).toBe(before + 1);
    }
    const before = server.apple.countOf(device);
    const head = await server.call(`/v1/push/${device.enrollmentId}`, { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, text: '' });
    expect(server.apple.countOf(device)).toBe(before + 1);
  });

  it('take GET with a body, as micro2nano sends it', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const body = aCommand('by-get');
      request(
        `${server.url}/v1/enqueue/${device.enrollmentId}`,
        {
          method: 'GET',
          headers: {
            Authorization: basic('nanomdm', apiKey),
            'Content-Length': Buffer.byteLength(body),
          },
        },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      )
        .on('error', reject)
        .end(body);
    });
    expect(status).toBe(200);
    expect(await server.sql("select request_type from command where uuid = 'by-get'")).toEqual([
      { request_type: 'ProfileList' },
    ]);
  });

  it('split ids at commas after decoding, and count each once', async () => {
    const ids = `${device.enrollmentId}%2C${other.enrollmentId},${device.enrollmentId},`;
    const answer = await server.call(`/v1/push/${ids}`, { method: 'GET' });
    expect(answer.status).toBe(200);
    expect(Object.keys(JSON.parse(answer.text).status).sort()).toEqual(
      [device.enrollmentId, other.enrollmentId].sort(),
    );
  });

  it('say for each id what became of its push', async () => {
    const token = other.pushToken.toString('hex');
    server.apple.rules.push((push) =>
      push.token === token ? { do: 'refuse', reason: 'BadDeviceToken' } : undefined,
    );
    await pushables(server.store, ['no-certificate'], { topic: 'com.apple.mgmt.External.none' });
    const gone = await server.device(3);
    await gone.enrol();
    await gone.checkOut();
    const ids = [
      device.enrollmentId,
      other.enrollmentId,
      'no-certificate',
      gone.enrollmentId,
      'no',
    ];
    const answer = await server.call(`/v1/push/${ids.join(',')}`);
    server.apple.rules.length = 0;
    expect(answer.status).toBe(207);
    expect(JSON.parse(answer.text).status).toEqual({
      [device.enrollmentId]: { push_result: expect.any(String) },
      [other.enrollmentId]: {
        push_error: 'push HTTP status: 400: APNs push error: BadDeviceToken',
        push_result: expect.any(String),
      },
      'no-certificate': { push_error: expect.stringContaining('no push certificate') },
      [gone.enrollmentId]: { push_error: expect.stringContaining('not enabled') },
      no: { push_error: expect.stringContaining('push data missing for id') },
    });
    expect((await server.standing(other.enrollmentId)).state).not.toBe('ACCEPTED');
  });

  it('are on record as done by nanomdm-api', async () => {
    const entries = await server.sql(
      "select distinct action from audit_entry where actor = 'nanomdm-api' order by action",
    );
    expect(entries).toEqual([{ action: 'enqueueCommand' }, { action: 'pushNow' }]);
    expect(await server.sql("select created_by from command where uuid = 'bytes'")).toEqual([
      { created_by: 'nanomdm-api' },
    ]);
  });

  it('take 28,000 ids in one URL', async () => {
    const ids = Array.from(
      { length: 28_000 },
      (_, at) => `${String(at).padStart(8, '0')}-1111-4222-8333-444444444444`,
    );
    await server.sql(
      `insert into enrollment (id, tenant_id, kind, enabled) select id, 1, 'DEVICE', true
       from unnest($1::text[]) as d (id)`,
      [ids],
    );
    const answer = await server.call(`/v1/enqueue/${ids.join(',')}?nopush=1`, {
      body: aCommand('many'),
    });
    expect(answer).toMatchObject({ status: 200 });
    expect(
      await server.sql(
        `select count(*)::int from queue_entry q join command c on c.key = q.command_key
         where c.uuid = 'many'`,
      ),
    ).toEqual([{ count: 28_000 }]);
  });

  it('take more ids than one URL holds as further commands, not under the same CommandUUID', async () => {
    const path = `/v1/enqueue/${other.enrollmentId}?nopush=1`;
    const first = await server.call(`/v1/enqueue/${device.enrollmentId}?nopush=1`, {
      body: aCommand('part'),
    });
    expect(first.status).toBe(200);
    const same = await server.call(path, { body: aCommand('part') });
    expect(same.status).toBe(500);
    expect(JSON.parse(same.text).command_error).toMatch(/give each command a UUID of its own/);
    expect((await server.call(path, { body: aCommand('other-part') })).status).toBe(200);
  });

  it('push to thousands and answer for each', async () => {
    const ids = idsNamed('fleet', 1_500);
    await pushables(server.store, ids);
    const answer = await server.call(`/v1/enqueue/${ids.join(',')}`, { body: aCommand('fleet') });
    expect(answer.status).toBe(200);
    const results = Object.values<{ push_result?: string }>(JSON.parse(answer.text).status);
    expect(new Set(results.map((one) => one.push_result)).size).toBe(1_500);
  });
});
