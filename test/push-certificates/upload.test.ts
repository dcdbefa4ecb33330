import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePushCertificate } from '../../clients/simulator/apns/push-certificates.ts';
import { certificatePem, makeAuthority } from '../../clients/simulator/identity.ts';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { writeCertificateRequest } from '../../server/protocol/cms/certificate-request-write.ts';
import { issueCertificate } from '../../server/protocol/cms/x509-write.ts';
import { readCertificate } from '../../server/protocol/cms/certificate.ts';
import { writePem } from '../../server/pki/pem-blocks.ts';
import { adminToken } from '../harness/server.ts';
import { byId, byTopic, events, list } from './documents.ts';
import { bySse } from '../graph/subscribe.ts';
import { keyAs, pkcs12 } from './key-files.ts';
import { type PushServer, startPushServer, topicNamed } from './push-server.ts';

let server: PushServer;

beforeAll(async () => {
  server = await startPushServer();
});
afterAll(() => server.stop());

const day = 86_400_000;
const inDays = (days: number) => new Date(Date.now() + days * day);
const aCertificate = (name: string, options: { readonly key?: 'rsa' | 'ec' } = {}) =>
  makePushCertificate(server.apple, topicNamed(name), options);

/** A certificate of the stand-in for Apple with any subject. */
async function withSubject(subject: { readonly commonName?: string; readonly userId?: string }) {
  const { certificate, key } = await aCertificate('subject');
  const der = issueCertificate({
    subject,
    publicKey: new X509Certificate(certificate).publicKey,
    issuer: readCertificate(server.apple.certificate),
    issuerKey: server.apple.key,
    notBefore: inDays(-1),
    notAfter: inDays(300),
  });
  return { certificate: certificatePem(der), key };
}

describe('an upload', () => {
  it('stores the certificate, shows all of it but the key, and is an event', async () => {
    const topic = topicNamed('first');
    const { certificate, key } = await makePushCertificate(server.apple, topic, {
      notAfter: inDays(100.5),
    });
    const outcome = await server.upload({ source: { pem: certificate + key } });
    expect(outcome).toMatchObject({
      topic,
      version: 1,
      replayed: false,
      pushCertificate: { topic, version: 1, enrollmentCount: 0 },
    });

    const { pushCertificates } = await server.ask(list, {});
    const node = pushCertificates.edges.map((edge) => edge.node).find((one) => one.topic === topic);
    const x509 = new X509Certificate(certificate);
    expect(node).toMatchObject({
      issuer: 'CN=Simulated Push Authority',
      serialNumber: x509.serialNumber.toLowerCase(),
      sha256: x509.fingerprint256.replaceAll(':', '').toLowerCase(),
      expiresInDays: 100,
      uploadedBy: 'token:admin',
      stoppedAt: null,
      stoppedReason: null,
    });
    expect(node?.subject).toContain(`UID=${topic}`);
    expect(await server.ask(byId, { id: node?.id ?? '' })).toEqual({ node: { topic } });

    if (outcome.__typename !== 'UploadPushCertificatePayload') throw new Error('refused');
    const stream = await bySse(server.graph, adminToken, events, { after: outcome.cursor });
    const { value } = await stream.next();
    expect(value.data?.events).toMatchObject({
      __typename: 'PushCertificateUploadedEvent',
      topic,
      version: 1,
      actor: 'token:admin',
      pushCertificate: { version: 1 },
    });
    await stream.close();
    const { rows } = await server.store.database.graph.query(
      "select actor, details->>'topic' as topic from audit_entry where action = 'uploadPushCertificate' and details->>'topic' = $1",
      [topic],
    );
    expect(rows).toEqual([{ actor: 'token:admin', topic }]);
  });

  it('again counts the version up and clears what Apple said of the one before', async () => {
    const { certificate, key } = await aCertificate('again');
    const input = { source: { pem: certificate + key } };
    await server.upload(input);
    await server.store.database.graph.query(
      "update push_certificate set stopped_at = now(), stopped_reason = 'revoked', warned_days = 7",
    );
    const outcome = await server.upload({ ...input, renews: topicNamed('again') });
    expect(outcome).toMatchObject({ version: 2 });
    const { rows } = await server.store.database.graph.query(
      'select stopped_at, stopped_reason, warned_days from push_certificate where topic = $1',
      [topicNamed('again')],
    );
    expect(rows).toEqual([{ stopped_at: null, stopped_reason: null, warned_days: null }]);
  });

  it('with an idempotency key is done once', async () => {
    const { certificate, key } = await aCertificate('once');
    const input = { source: { pem: certificate + key }, idempotencyKey: 'upload once' };
    expect(await server.upload(input)).toMatchObject({ version: 1, replayed: false });
    expect(await server.upload(input)).toMatchObject({ version: 1, replayed: true });
    const other = await server.upload({ ...input, force: true });
    expect(other).toMatchObject({ __typename: 'ConflictError', code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  it.each([
    ['PKCS #1', 'rsa', 'pkcs1'],
    ['SEC1', 'ec', 'sec1'],
    ['PKCS #8', 'rsa', 'pkcs8'],
    ['encrypted', 'rsa', 'encrypted'],
    ['encrypted, of a curve', 'ec', 'encrypted'],
    ['encrypted the old way', 'rsa', 'encrypted the old way'],
  ] as const)('takes a key that is %s', async (_name, kind, form) => {
    const pair = await aCertificate(`form-${kind}-${form.replaceAll(' ', '-')}`, { key: kind });
    const pem = keyAs(pair, form, 'a pass phrase') + pair.certificate;
    const outcome = await server.upload({ source: { pem }, password: 'a pass phrase' });
    expect(outcome).toMatchObject({ version: 1 });
  });

  it('takes a chain before the certificate, notes between, and lines run together', async () => {
    const root = await makeAuthority({ commonName: 'Root' });
    const middle = await makeAuthority({ commonName: 'Middle', issuer: root });
    const topic = topicNamed('chain');
    const { certificate, key } = await makePushCertificate(middle, topic);
    const parts = [root.certificate, middle.certificate].map(certificatePem);
    const pem = [
      ...parts.map((part) => `Bag Attributes\n    friendlyName: x\n${part.trimEnd()}`),
      key.trimEnd(),
      certificate.replaceAll('\n', '\r\n').trimEnd(),
    ].join('');
    expect(await server.upload({ source: { pem } })).toMatchObject({ topic, version: 1 });
    const { rows } = await server.store.database.graph.query<{ certificate: string }>(
      'select certificate from push_certificate where topic = $1',
      [topic],
    );
    expect(rows[0]?.certificate).toBe([certificate, ...parts.toReversed()].join(''));
  });

  it('takes a PKCS #12 file with its password, and no other', async () => {
    const root = await makeAuthority({ key: 'rsa' });
    const pair = await makePushCertificate(root, topicNamed('pkcs12'), { key: 'rsa' });
    const file = pkcs12(pair, 'sesame', [certificatePem(root.certificate)]);
    const refused = { __typename: 'ValidationError', path: ['input', 'source', 'pkcs12'] };
    for (const password of ['wrong', undefined]) {
      const outcome = await server.upload({
        source: { pkcs12: file },
        ...(password && { password }),
      });
      expect(outcome).toMatchObject({ ...refused, code: 'PKCS12_UNREADABLE' });
    }
    const outcome = await server.upload({ source: { pkcs12: file }, password: 'sesame' });
    expect(outcome).toMatchObject({ topic: topicNamed('pkcs12'), version: 1 });
  });
});

describe('an upload is refused', () => {
  type Pair = Awaited<ReturnType<typeof makePushCertificate>>;
  const other = (key: 'rsa' | 'ec') => aCertificate('other', { key });
  it.each<readonly [string, string, (pair: Pair) => Promise<string> | string]>([
    ['nothing', 'NO_CERTIFICATE', () => ''],
    ['what is no PEM', 'NO_CERTIFICATE', () => 'hello'],
    ['no certificate', 'NO_CERTIFICATE', ({ key }) => key],
    ['no key', 'NO_KEY', ({ certificate }) => certificate],
    ['two keys', 'SEVERAL_KEYS', ({ certificate, key }) => certificate + key + key],
    [
      'the key of another certificate',
      'KEY_MISMATCH',
      async ({ certificate }) => certificate + (await other('ec')).key,
    ],
    [
      'a key of another kind',
      'KEY_MISMATCH',
      async ({ certificate }) => certificate + (await other('rsa')).key,
    ],
    [
      'a request instead of a certificate',
      'UNEXPECTED_PEM_BLOCK',
      ({ key }) => {
        const csr = writeCertificateRequest({ subject: {}, key: createPrivateKey(key) });
        return key + writePem('CERTIFICATE REQUEST', csr);
      },
    ],
    [
      'a key that is encrypted the old way, without its password',
      'PASSWORD_REQUIRED',
      (pair) => pair.certificate + keyAs(pair, 'encrypted the old way', 'secret'),
    ],
    [
      'an encrypted key without its password',
      'PASSWORD_REQUIRED',
      (pair) => pair.certificate + keyAs(pair, 'encrypted', 'secret'),
    ],
    [
      'a broken key',
      'KEY_UNREADABLE',
      ({ certificate }) => certificate + writePem('PRIVATE KEY', Buffer.from('no key')),
    ],
    [
      'a broken certificate',
      'CERTIFICATE_UNREADABLE',
      ({ key }) => key + writePem('CERTIFICATE', Buffer.from('no certificate')),
    ],
    [
      'a subject without UID',
      'NO_TOPIC',
      async () => {
        const { certificate, key } = await withSubject({ commonName: 'APSP' });
        return certificate + key;
      },
    ],
    [
      'a topic of an app',
      'BAD_TOPIC',
      async () => {
        const { certificate, key } = await withSubject({ userId: 'com.example.app' });
        return certificate + key;
      },
    ],
    [
      'a topic that no header can carry',
      'BAD_TOPIC',
      async () => {
        const { certificate, key } = await withSubject({ userId: 'com.apple.mgmt.a\r\nb: c' });
        return certificate + key;
      },
    ],
    [
      'a certificate that has ended',
      'EXPIRED',
      async () => {
        const dates = { notBefore: inDays(-400), notAfter: inDays(-1) };
        const ended = await makePushCertificate(server.apple, topicNamed('ended'), dates);
        return ended.certificate + ended.key;
      },
    ],
    [
      'a certificate that has not begun',
      'NOT_YET_VALID',
      async () => {
        const dates = { notBefore: inDays(1), notAfter: inDays(300) };
        const early = await makePushCertificate(server.apple, topicNamed('early'), dates);
        return early.certificate + early.key;
      },
    ],
  ])('with %s: %s', async (_name, code, pemOf) => {
    const pem = await pemOf(await aCertificate('refused'));
    const outcome = await server.upload({ source: { pem } });
    expect(outcome).toMatchObject({
      __typename: 'ValidationError',
      code,
      path: ['input', 'source', 'pem'],
    });
    const { pushCertificate } = await server.ask(byTopic, { topic: topicNamed('refused') });
    expect(pushCertificate).toBeNull();
  });

  it('with the wrong password of a key', async () => {
    const pair = await aCertificate('wrong-password');
    const pem = pair.certificate + keyAs(pair, 'encrypted', 'right');
    const outcome = await server.upload({ source: { pem }, password: 'wrong' });
    expect(outcome).toMatchObject({ __typename: 'ValidationError', code: 'PASSWORD_WRONG' });
  });

  it('when it has not begun, even with force; when it has ended, not with force', async () => {
    const early = { notBefore: inDays(1), notAfter: inDays(300) };
    const ended = { notBefore: inDays(-400), notAfter: inDays(-1) };
    const forced = async (name: string, dates: typeof early) => {
      const pair = await makePushCertificate(server.apple, topicNamed(name), dates);
      return server.upload({ source: { pem: pair.certificate + pair.key }, force: true });
    };
    expect(await forced('forced-early', early)).toMatchObject({ code: 'NOT_YET_VALID' });
    expect(await forced('forced-ended', ended)).toMatchObject({ version: 1 });
  });

  it('for a token that may only read', async () => {
    const { certificate, key } = await aCertificate('reader');
    const token = await server.token({ tenant: 1, scopes: ['push:read'] });
    const outcome = await server.upload({ source: { pem: certificate + key } }, token);
    expect(outcome).toMatchObject({ __typename: 'ForbiddenError' });
  });
});

describe('the list', () => {
  it('goes through its pages by topic', async () => {
    const all = await server.ask(list, { first: 100 });
    const topics = all.pushCertificates.edges.map(({ node }) => node.topic);
    expect(topics.length).toBeGreaterThan(4);
    expect(topics).toEqual(topics.toSorted());
    const walked: string[] = [];
    const cursor = { after: '' };
    for (let more = true; more; ) {
      const answer = await server.ask(list, { first: 2, after: cursor.after || null });
      const { edges, pageInfo } = answer.pushCertificates;
      walked.push(...edges.map(({ node }) => node.topic));
      cursor.after = pageInfo.endCursor ?? '';
      more = pageInfo.hasNextPage;
    }
    expect(walked).toEqual(topics);
  });

  it('is empty for another tenant, and by topic and id there is nothing', async () => {
    const { pushCertificates } = await server.ask(list, {});
    const [first] = pushCertificates.edges;
    if (first === undefined) throw new Error('nothing was uploaded');
    const token = await server.token();
    const { id, topic } = first.node;
    expect((await server.ask(list, {}, token)).pushCertificates.edges).toEqual([]);
    expect(await server.ask(byTopic, { topic }, token)).toEqual({ pushCertificate: null });
    expect(await server.ask(byId, { id }, token)).toEqual({ node: null });
  });
});
