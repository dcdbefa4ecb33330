import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePushCertificate } from '../../clients/simulator/apns/push-certificates.ts';
import { topic } from '../push/push-server.ts';
import { type NanomdmServer, startNanomdmServer } from './nanomdm-server.ts';

describe('/v1/pushcert', () => {
  let server: NanomdmServer;

  beforeAll(async () => {
    server = await startNanomdmServer();
  });
  afterAll(() => server.stop());

  it('takes a certificate and its key, in any order and without a line end between them', async () => {
    const { certificate, key } = await makePushCertificate(server.apple.authority, topic, {
      notAfter: new Date('2031-02-03T04:05:06Z'),
    });
    const expected = {
      status: 200,
      text: `{\n\t"not_after": "2031-02-03T04:05:06Z",\n\t"topic": "${topic}"\n}\n`,
    };
    for (const body of [certificate + key, key + certificate, certificate.trimEnd() + key]) {
      const answer = await server.call('/v1/pushcert', { body });
      expect(answer).toMatchObject(expected);
      expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    }
    expect(await server.call(`/v1/pushcert?topic=${topic}`, { method: 'GET' })).toMatchObject(
      expected,
    );
  });

  it('says what is wrong with what it does not take', async () => {
    const { certificate, key } = await makePushCertificate(server.apple.authority, topic);
    const other = await makePushCertificate(server.apple.authority, topic);
    const plain = await makePushCertificate(server.apple.authority, 'no topic');
    for (const [body, words] of [
      [key, /no certificate/],
      [certificate, /no private key/],
      [certificate + other.key, /does not belong/],
      [plain.certificate + plain.key, /topic/i],
      ['', /certificate/],
    ] as const) {
      const answer = await server.call('/v1/pushcert', { body });
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.text).error).toMatch(words);
    }
    const unnamed = await server.call('/v1/pushcert', { method: 'GET' });
    expect(unnamed).toMatchObject({
      status: 400,
      text: '{\n\t"error": "missing required query parameter: topic"\n}\n',
    });
    const unknown = await server.call('/v1/pushcert?topic=com.apple.mgmt.x', { method: 'GET' });
    expect(unknown.status).toBe(500);
    expect(JSON.parse(unknown.text).error).toContain('com.apple.mgmt.x');
    for (const method of ['POST', 'HEAD', 'DELETE']) {
      expect(await server.call('/v1/pushcert', { method })).toMatchObject({ status: 405 });
    }
    expect(await server.call('/v1/pushcert', { authorization: null })).toMatchObject({
      status: 401,
    });
  });

  it('only warns when the topic is another than that of the devices', async () => {
    const device = await server.device(1);
    await device.enrol();
    const { certificate, key } = await makePushCertificate(
      server.apple.authority,
      'com.apple.mgmt.External.another',
    );
    const answer = await server.call('/v1/pushcert', { body: certificate + key });
    expect(answer.status).toBe(200);
    expect(
      server.log.find(({ msg }) => msg === 'a push certificate of another topic was stored'),
    ).toMatchObject({ level: 'warn', reason: expect.stringContaining(topic) });
    expect(
      await server.sql(
        `select actor, details->>'topic' as topic from audit_entry
         where action = 'uploadPushCertificate' order by key desc limit 1`,
      ),
    ).toEqual([{ actor: 'nanomdm-api', topic: 'com.apple.mgmt.External.another' }]);
  });
});
