import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deviceFacts } from '../../clients/simulator/facts.ts';
import { fetchProfile } from '../../clients/simulator/enroll.ts';
import {
  type EnrollmentProfile,
  readEnrollmentProfile,
} from '../../clients/simulator/enrollment-profile.ts';
import { certificatePem, issueIdentity, makeAuthority } from '../../clients/simulator/identity.ts';
import { enrolByScep } from '../../clients/simulator/scep.ts';
import { createInvitation, profile } from './documents.ts';
import { type EnrollServer, keyPool, startEnrollServer, topic } from './enroll-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'graphmdm-profile-'));
const [key] = keyPool(1);
if (!key) throw new Error('no key');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function profileOf(
  server: EnrollServer,
  input: { challenge?: string; topic?: string },
  token?: string,
) {
  return (await server.ask(profile, { input }, token)).enrollmentProfile;
}

async function pushCertificate(server: EnrollServer, name: string, tenant = 1): Promise<string> {
  const named = `com.apple.mgmt.External.${name}`;
  await server.store.database.graph.query(
    `insert into push_certificate (topic, tenant_id, certificate, key, subject, issuer, serial, sha256,
       not_before, not_after, uploaded_by)
     values ($1, $2, '', '', '', '', '', '', now(), now() + interval '1 day', '')`,
    [named, tenant],
  );
  return named;
}

describe('a profile that is asked for in the graph', () => {
  let server: EnrollServer;
  beforeAll(async () => {
    server = await startEnrollServer({ flags: ['--scep-challenge', 'for-everybody'] });
  });
  afterAll(() => server.stop());

  it('enrols a device with the challenge of an invitation', async () => {
    const { challenge } = await server.invite();
    const made = await profileOf(server, { challenge });
    expect(made).toMatchObject({ signed: false, topic, serverUrl: server.deviceUrl });
    if (made.__typename !== 'EnrollmentProfile') throw new Error('refused');
    const bytes = Buffer.from(made.mobileconfig, 'base64');
    expect(made.text).toBe(bytes.toString('utf8'));
    const { scep } = readEnrollmentProfile(bytes);
    const identity = await enrolByScep(scep, { key });
    await (await server.device(1, { identity, facts: deviceFacts(1, { topic }) })).enrol();
  });

  it('is the same for all but for the challenge, however often it is made', async () => {
    const bare = ({ scep, ...rest }: EnrollmentProfile) => ({ ...rest, scep: scep.url.href });
    const [one, two] = await Promise.all([server.invite(), server.invite()]);
    const [first, second] = [await fetchProfile(one.url), await fetchProfile(two.url)];
    expect(bare(second)).toEqual(bare(first));
    expect(second.scep.challenge).not.toBe(first.scep.challenge);
    expect(await fetchProfile(one.url)).toEqual(first);
    expect(JSON.stringify(first.mdm.payload)).not.toContain(one.challenge);
  });

  it('says what devices want to hear, with all that Apple demands', async () => {
    const { mdm, scep } = await fetchProfile((await server.invite()).url);
    expect(mdm.payload).toMatchObject({
      AccessRights: 8191,
      CheckOutWhenRemoved: true,
      SignMessage: true,
      ServerCapabilities: ['com.apple.mdm.per-user-connections', 'com.apple.mdm.bootstraptoken'],
    });
    expect(mdm.payload['CheckInURL']).toBeUndefined();
    expect(scep.keySize).toBe(2048);
    expect(scep.fingerprint).toHaveLength(20);
  });

  it('has the challenge of the settings for who may read secrets, which the audit tells', async () => {
    const made = await profileOf(server, { topic });
    if (made.__typename !== 'EnrollmentProfile') throw new Error(JSON.stringify(made));
    expect(made.text).toContain('for-everybody.');
    const { rows } = await server.store.database.graph.query(
      "select actor from audit_entry where action = 'readScepChallenge'",
    );
    expect(rows).toEqual([{ actor: 'token:admin' }]);
    const { scep } = readEnrollmentProfile(Buffer.from(made.mobileconfig, 'base64'));
    await enrolByScep(scep, { key });
    const token = await server.token({ tenant: null, scopes: ['invitations:write'] });
    expect(await profileOf(server, { topic }, token)).toMatchObject({ code: 'MISSING_SCOPE' });
  });

  it('is refused for a challenge of nobody’s, or of another tenant’s', async () => {
    const wrong = { challenge: 'nobody’s', topic };
    expect(await profileOf(server, wrong)).toMatchObject({
      code: 'UNKNOWN_CHALLENGE',
      path: ['input', 'challenge'],
    });
    const theirs = await server.token({ tenant: 4 });
    const { challenge } = await server.invite();
    expect(await profileOf(server, { challenge }, theirs)).toMatchObject({
      code: 'UNKNOWN_CHALLENGE',
    });
  });
});

describe('the topic of a profile', () => {
  let server: EnrollServer;
  beforeAll(async () => {
    server = await startEnrollServer();
  });
  afterAll(() => server.stop());

  it('is the one of the only push certificate; with none or several it has to be said', async () => {
    const invited = await server.invite({ topic: null, useLimit: null });
    const early = await fetch(invited.url);
    expect(early.status).toBe(503);
    expect(await early.text()).toContain('uploadPushCertificate');
    expect(await profileOf(server, { challenge: invited.challenge })).toMatchObject({
      __typename: 'ConflictError',
      code: 'NO_PUSH_CERTIFICATE',
    });
    const first = await pushCertificate(server, 'first');
    expect((await fetchProfile(invited.url)).mdm.topic).toBe(first);
    await pushCertificate(server, 'elsewhere', 3);
    expect((await fetchProfile(invited.url)).mdm.topic).toBe(first);
    const second = await pushCertificate(server, 'second');
    expect(await profileOf(server, { challenge: invited.challenge })).toMatchObject({
      code: 'TOPIC_REQUIRED',
    });
    const named = await profileOf(server, { challenge: invited.challenge, topic: second });
    expect(named).toMatchObject({ topic: second });
    const chosen = await server.invite({ topic: second });
    expect((await fetchProfile(chosen.url)).mdm.topic).toBe(second);
  });

  it('decides the tenant of a device whose certificate came by no invitation', async () => {
    const owned = await pushCertificate(server, 'of-tenant-3', 3);
    const external = await startEnrollServer({ store: server.store, ownAuthority: false });
    const tenants = [];
    for (const [number, named] of [owned, 'com.apple.mgmt.External.of-nobody'].entries()) {
      const facts = deviceFacts(70_000 + number, { topic: named });
      const device = await external.device(70_000 + number, { facts });
      await device.enrol();
      const { rows } = await server.store.database.graph.query(
        'select tenant_id from enrollment where id = $1',
        [device.enrollmentId],
      );
      tenants.push(rows[0].tenant_id);
    }
    expect(tenants).toEqual([3, 1]);
    await external.stop();
  });
});

describe('the settings of profiles', () => {
  async function withServer(
    options: Parameters<typeof startEnrollServer>[0],
    run: (server: EnrollServer) => Promise<void>,
  ): Promise<void> {
    const server = await startEnrollServer(options);
    try {
      await run(server);
    } finally {
      await server.stop();
    }
  }

  it('have to tell the public URL: without it there is none, and it is said why', () =>
    withServer({ publicUrl: false }, async (server) => {
      const { createEnrollmentInvitation: made } = await server.ask(createInvitation, {
        input: { tags: [], topic },
      });
      if (made.__typename !== 'CreateEnrollmentInvitationPayload') throw new Error('refused');
      expect(made.enrollmentUrl).toBe(null);
      expect(await profileOf(server, { challenge: made.challenge })).toMatchObject({
        code: 'NO_PUBLIC_URL',
        message: expect.stringContaining('--public-url'),
      });
      const page = await fetch(`${server.url}/enroll/${made.challenge}`);
      expect(page.status).toBe(503);
      expect(await page.text()).toContain('--public-url');
    }));

  it('refuse a public URL that devices would refuse', async () => {
    const flags = ['--public-url', 'http://mdm.example.com'];
    await withServer({ publicUrl: false, flags }, async (server) => {
      const { challenge, url } = await server.invite();
      expect(url.href).toBe(`http://mdm.example.com/enroll/${challenge}`);
      expect(await profileOf(server, { challenge })).toMatchObject({ code: 'URL_NOT_HTTPS' });
      expect((await fetch(`${server.url}/enroll/${challenge}`)).status).toBe(503);
    });
  });

  it('put check-ins, GetToken, rights, names and roots into them', async () => {
    const root = await makeAuthority({ commonName: 'Private root' });
    const trust = join(folder, 'root.pem');
    writeFileSync(trust, certificatePem(root.certificate));
    const flags = [
      ...['--checkin', '--access-rights', '3', '--organization', 'Example & Co'],
      ...[
        '--get-token-url',
        'com.apple.maid=https://tokens.example.com/',
        '--profile-trust',
        trust,
      ],
    ];
    await withServer({ flags }, async (server) => {
      const made = await fetchProfile((await server.invite()).url);
      expect(made.mdm.checkInUrl.href).toBe(`${server.url}/checkin`);
      expect(made.mdm.payload).toMatchObject({
        AccessRights: 3,
        ServerCapabilities: expect.arrayContaining(['com.apple.mdm.token']),
      });
      expect(made.roots).toEqual([root.certificate]);
      expect(made.scep.subject.includes('Example & Co')).toBe(true);
    });
  });

  it('have them signed by a certificate of one’s own, with its chain', async () => {
    const authority = await makeAuthority({ key: 'rsa' });
    const signer = await issueIdentity(authority, { commonName: 'Example profiles', key: 'rsa' });
    const cert = join(folder, 'signer.pem');
    const keyFile = join(folder, 'signer.key');
    writeFileSync(cert, certificatePem(signer.certificate) + certificatePem(authority.certificate));
    writeFileSync(keyFile, signer.key.export({ format: 'pem', type: 'pkcs8' }));
    const flags = ['--profile-signing-cert', cert, '--profile-signing-key', keyFile];
    await withServer({ flags }, async (server) => {
      const invited = await server.invite();
      const { device, profile: made } = await server.enrolBy(invited, { key });
      expect(made.signedBy).toEqual(signer.certificate);
      expect((await device.tokenUpdate()).status).toBe(200);
    });
    const half = startEnrollServer({ flags: ['--profile-signing-cert', cert] });
    await expect(half).rejects.toThrow('--profile-signing-key');
    const wrong = startEnrollServer({
      flags: ['--profile-signing-cert', cert, '--profile-signing-key', cert],
    });
    await expect(wrong).rejects.toThrow('--profile-signing-cert');
  });

  it('may name another SCEP server, for who has one', async () => {
    const url = 'https://scep.example.com/scep';
    const flags = ['--scep-url', url, '--scep-challenge', 'theirs'];
    await withServer({ ownAuthority: false, flags }, async (server) => {
      const made = await profileOf(server, { topic });
      if (made.__typename !== 'EnrollmentProfile') throw new Error(JSON.stringify(made));
      const { scep } = readEnrollmentProfile(Buffer.from(made.mobileconfig, 'base64'));
      expect([scep.url.href, scep.challenge, scep.fingerprint]).toEqual([url, 'theirs', null]);
      const { createEnrollmentInvitation } = await server.ask(createInvitation, {
        input: { tags: [], topic },
      });
      expect(createEnrollmentInvitation).toMatchObject({ code: 'NO_DEVICE_AUTHORITY' });
    });
    await withServer({ flags }, async (server) => {
      const { challenge, url: page } = await server.invite();
      expect((await fetch(page)).status).toBe(503);
      expect(await profileOf(server, { challenge })).toMatchObject({ code: 'OTHER_SCEP_SERVER' });
    });
  });
});
