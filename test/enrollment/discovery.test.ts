import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parseSettings } from '../../server/config.ts';
import { type RawReply, sendRaw } from '../build/raw-request.ts';
import { type TestServer, startServer } from '../harness/server.ts';

const path = '/.well-known/com.apple.remotemanagement';
const byod = 'https://MDM.example.com:8443/enroll/byod/?tenant=7&x=%2F';
const adde = 'https://mdm.example.com/adde';
const byodServer = { Version: 'mdm-byod', BaseURL: byod };
const addeServer = { Version: 'mdm-adde', BaseURL: adde };

async function serverWith(...flags: readonly string[]): Promise<TestServer> {
  const server = await startServer({ flags });
  onTestFinished(() => server.stop());
  return server;
}

function discover(server: TestServer, query: string, method = 'GET'): Promise<RawReply> {
  return sendRaw({ url: server.url, path: `${path}${query}`, method });
}

const json = ({ body }: RawReply): unknown => JSON.parse(body.toString());

describe('the discovery of account-driven enrolment', () => {
  let both: TestServer;
  beforeAll(async () => {
    both = await startServer({
      flags: ['--account-driven-byod-url', byod, '--account-driven-adde-url', adde],
    });
  });
  afterAll(() => both.stop());

  it('names the servers that are set, each with its version, exactly as they were written', async () => {
    for (const family of ['iPhone', 'iPad', 'Mac', 'RealityDevice']) {
      const reply = await discover(
        both,
        `?user-identifier=ann%40example.com&model-family=${family}`,
      );
      expect(reply.status).toBe(200);
      expect(reply.headers['content-type']).toBe('application/json');
      expect(json(reply)).toEqual({ Servers: [byodServer, addeServer] });
    }
  });

  it('names one server when only one is set', async () => {
    const query = '?user-identifier=ann@example.com&model-family=Mac';
    const onlyByod = await serverWith('--account-driven-byod-url', byod);
    expect(json(await discover(onlyByod, query))).toEqual({ Servers: [byodServer] });
    const onlyAdde = await serverWith('--account-driven-adde-url', adde);
    expect(json(await discover(onlyAdde, query))).toEqual({ Servers: [addeServer] });
  });

  it('takes an account with a plus, in a subdomain, and no account at all', async () => {
    for (const query of [
      '?user-identifier=ann+home@example.com',
      '?user-identifier=ann%2Bhome%40eu.example.com&model-family=iPhone',
      '?model-family=iPhone',
      '',
    ]) {
      expect((await discover(both, query)).status, query).toBe(200);
    }
    expect((await discover(both, '', 'HEAD')).status).toBe(200);
  });

  it('is refused in Apple’s words to what is no account', async () => {
    for (const query of [
      '?user-identifier=',
      '?user-identifier=ann',
      '?user-identifier=@example.com',
      '?user-identifier=ann@',
      '?user-identifier=a@example.com&user-identifier=b@example.com',
      `?user-identifier=${'a'.repeat(320)}@example.com`,
    ]) {
      const reply = await discover(both, query);
      expect([reply.status, reply.headers['content-type']], query).toEqual([
        403,
        'application/json',
      ]);
      expect(json(reply), query).toEqual({
        code: 'com.apple.well-known.failed',
        description: expect.stringContaining('user-identifier'),
        message: expect.any(String),
      });
    }
  });

  it('takes no other method and no other path', async () => {
    const posted = await discover(both, '', 'POST');
    expect([posted.status, posted.headers.allow]).toEqual([405, 'GET, HEAD']);
    const { status } = await sendRaw({ url: both.url, path: `${path}/`, method: 'GET' });
    expect(status).toBe(404);
  });

  it('is not there when no server is set, or none of devices is served', async () => {
    const unset = await serverWith();
    expect((await discover(unset, '?user-identifier=ann@example.com')).status).toBe(404);
    const noDevices = await serverWith('--disable-mdm', '--account-driven-byod-url', byod);
    expect((await discover(noDevices, '?user-identifier=ann@example.com')).status).toBe(404);
  });

  it.each([
    'http://mdm.example.com/byod',
    'mdm.example.com',
    'https://ann:secret@mdm.example.com/',
    'https://mdm.example.com/#part',
  ])('is never set to %s: the server says so and does not start', (url) => {
    for (const flag of ['--account-driven-byod-url', '--account-driven-adde-url']) {
      const { errors } = Object(parseSettings([flag, url], {}));
      expect(errors).toEqual([expect.stringMatching(`^${flag} .*: expected an https:// URL`)]);
    }
  });
});
