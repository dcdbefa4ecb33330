import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePushAuthority } from '../../clients/simulator/apns/push-certificates.ts';
import {
  type Authority,
  certificatePem,
  issueIdentity,
  makeAuthority,
} from '../../clients/simulator/identity.ts';
import {
  readCertificateRequest,
  requestedKey,
  requestSignatureHolds,
} from '../../server/protocol/cms/certificate-request.ts';
import { readCertificate } from '../../server/protocol/cms/certificate.ts';
import { sealEnvelope } from '../../server/protocol/cms/envelope.ts';
import { formatName } from '../../server/protocol/cms/name.ts';
import { issueCertificate } from '../../server/protocol/cms/x509-write.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { parsePlist } from '../../server/protocol/plist/parse.ts';
import { isPlistDict, type PlistDict } from '../../server/protocol/plist/value.ts';
import type { SigningRouteInput } from '../../generated/gql/graphql.ts';
import { complete, createRequest, openResponse } from './documents.ts';
import { keyAs } from './key-files.ts';
import { type PushServer, startPushServer, topicNamed } from './push-server.ts';

let server: PushServer;
let apple: Authority;
let vendor: Vendor;

interface Vendor {
  readonly root: Authority;
  readonly intermediate: Authority;
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

beforeAll(async () => {
  server = await startPushServer();
  apple = await makePushAuthority();
  vendor = await makeVendor();
});
afterAll(() => server.stop());

const pem = certificatePem;
const text = (base64: string) => Buffer.from(base64, 'base64').toString();

async function makeVendor(options: { key?: 'rsa' | 'ec'; notAfter?: Date } = {}): Promise<Vendor> {
  const root = await makeAuthority({ commonName: 'Apple Root CA' });
  const intermediate = await makeAuthority({ commonName: 'Developer Relations', issuer: root });
  const identity = await issueIdentity(intermediate, {
    commonName: 'MDM Vendor',
    key: 'rsa',
    ...options,
  });
  return {
    root,
    intermediate,
    certificate: pem(identity.certificate),
    key: identity.key.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

function vendorInput({ certificate, key, root, intermediate }: Vendor) {
  // In the wrong order on purpose, and one of them as the .cer file that Apple offers.
  const chain = [root.certificate.toString('base64'), pem(intermediate.certificate)];
  return { certificate, key, chain };
}

interface Made {
  readonly requestId: string;
  readonly csr: Buffer;
  readonly signedRequest: string | null;
  readonly mdmcert: { readonly url: string; readonly body: string } | null;
}

async function make(
  route: SigningRouteInput,
  more: Parameters<typeof tryToMake>[1] = {},
): Promise<Made> {
  const made = await tryToMake(route, more);
  if (made.__typename !== 'CreatePushCertificateRequestPayload') throw new Error(made.message);
  return {
    requestId: made.requestId,
    csr: Buffer.from(made.csr.replace(/-----[^-]+-----|\s/g, ''), 'base64'),
    signedRequest: made.signedRequest ?? null,
    mdmcert: made.mdmcertRequest ?? null,
  };
}

async function tryToMake(
  route: SigningRouteInput,
  more: {
    readonly commonName?: string;
    readonly email?: string;
    readonly country?: string;
    readonly idempotencyKey?: string;
  } = {},
) {
  const input = { commonName: 'Example MDM', route, ...more };
  return (await server.ask(createRequest, { input })).createPushCertificateRequest;
}

/** What the stand-in for Apple's portal answers to a request, if it takes it. */
function portal(signedRequest: string, topic: string): string {
  const plist = parsePlist(Buffer.from(signedRequest, 'base64'));
  if (!isPlistDict(plist)) throw new Error('no dictionary');
  const value = (name: string) => {
    const { [name]: found } = plist;
    if (typeof found !== 'string') throw new Error(`${name} is no text`);
    return found;
  };
  const chain = value('PushCertCertificateChain')
    .match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g)
    ?.map((each) => new X509Certificate(each));
  const csr = Buffer.from(value('PushCertRequestCSR'), 'base64');
  const [own, middle, root] = chain ?? [];
  if (!own || !middle || !root || chain?.length !== 3) throw new Error('the chain is not three');
  const links: readonly (readonly [X509Certificate, X509Certificate])[] = [
    [own, middle],
    [middle, root],
    [root, root],
  ];
  if (!links.every(([below, above]) => below.verify(above.publicKey))) throw new Error('chain');
  const signature = Buffer.from(value('PushCertSignature'), 'base64');
  if (!verify('sha256', csr, own.publicKey, signature)) throw new Error('signature');
  return certify(csr, topic);
}

function certify(csr: Buffer, topic: string): string {
  const request = readCertificateRequest(csr);
  if (!requestSignatureHolds(request)) throw new Error('the request is not signed by its key');
  const key = requestedKey(request);
  if (key.asymmetricKeyDetails?.modulusLength !== 2048) throw new Error('not RSA-2048');
  const der = issueCertificate({
    subject: { userId: topic, commonName: `APSP:${topic}` },
    publicKey: createPublicKey(key.export({ format: 'pem', type: 'spki' })),
    issuer: readCertificate(apple.certificate),
    issuerKey: apple.key,
    notBefore: new Date(Date.now() - 1000),
    notAfter: new Date(Date.now() + 365 * 86_400_000),
  });
  return pem(der);
}

async function completed(input: {
  readonly requestId: string;
  readonly certificate: string;
  readonly renews?: string;
  readonly newTopic?: boolean;
}) {
  const variables = { input: { newTopic: false, force: false, ...input } };
  return (await server.ask(complete, variables)).completePushCertificateRequest;
}

describe('a request that a vendor certificate signs', () => {
  it('is what the portal takes, and its certificate completes it', async () => {
    const { requestId, signedRequest, csr } = await make(
      { vendor: vendorInput(vendor) },
      { email: 'admin@example.com', country: 'de' },
    );
    expect(formatName(readCertificateRequest(csr).subjectDer)).toBe(
      'E=admin@example.com,CN=Example MDM,C=DE',
    );
    const topic = topicNamed('vendor');
    const certificate = portal(signedRequest ?? '', topic);
    expect(await completed({ requestId, certificate })).toMatchObject({ topic, version: 1 });
    const { rows } = await server.store.database.graph.query(
      'select completed_at is not null as completed from push_certificate_request where id = $1',
      [requestId],
    );
    expect(rows).toEqual([{ completed: true }]);
  });

  it('takes an encrypted key, and is the same again for an idempotency key', async () => {
    const key = keyAs(vendor, 'encrypted', 'sesame');
    const route = { vendor: { ...vendorInput(vendor), key, password: 'sesame' } };
    const first = await make(route, { idempotencyKey: 'a request' });
    const again = await make(route, { idempotencyKey: 'a request' });
    expect(again).toEqual(first);
    const other = await make(route);
    expect(other.requestId).not.toBe(first.requestId);
  });

  it.each<readonly [string, string, string, () => Promise<ReturnType<typeof vendorInput>>]>([
    [
      'a chain without its root',
      'CHAIN_INCOMPLETE',
      'chain',
      async () => ({ ...vendorInput(vendor), chain: [pem(vendor.intermediate.certificate)] }),
    ],
    [
      "another vendor's key",
      'KEY_MISMATCH',
      'key',
      async () => ({ ...vendorInput(vendor), key: (await makeVendor()).key }),
    ],
    [
      'an elliptic key',
      'KEY_UNSUITABLE',
      'key',
      async () => vendorInput(await makeVendor({ key: 'ec' })),
    ],
    [
      'a certificate that has ended',
      'VENDOR_NOT_VALID',
      'certificate',
      async () => vendorInput(await makeVendor({ notAfter: new Date(Date.now() - 1000) })),
    ],
    [
      'no certificate',
      'NO_CERTIFICATE',
      'certificate',
      async () => ({ ...vendorInput(vendor), certificate: 'nothing' }),
    ],
    ['no key', 'NO_KEY', 'key', async () => ({ ...vendorInput(vendor), key: '' })],
  ])('is refused with %s', async (_name, code, part, input) => {
    const made = await tryToMake({ vendor: await input() });
    expect(made).toMatchObject({
      __typename: 'ValidationError',
      code,
      path: ['input', 'route', 'vendor', part],
    });
  });
});

describe('a request that mdmcert.download signs', () => {
  const account = { email: 'admin@example.com', apiKey: 'an-api-key' };

  /** What the service mails: hexadecimal of a PKCS #7 envelope around the base64 of the plist. */
  function mailed(body: string, { hex = true } = {}): string {
    const request: Readonly<Record<string, string>> = JSON.parse(body);
    const csr = text(request['csr'] ?? '').replace(/-----[^-]+-----|\s/g, '');
    const signed: PlistDict = { PushCertRequestCSR: csr, PushCertSignature: 'theirs' };
    const recipient = new X509Certificate(text(request['encrypt'] ?? '')).raw;
    const content = Buffer.from(buildPlist(signed).toString('base64'));
    // Single DES is what the service's library uses unless told otherwise.
    const envelope = sealEnvelope(content, readCertificate(recipient), 'des-cbc');
    return envelope.toString(hex ? 'hex' : 'base64');
  }

  it('is sent there, comes back encrypted, and is completed', async () => {
    const { requestId, mdmcert, csr, signedRequest } = await make({ mdmcertDownload: account });
    expect(signedRequest).toBeNull();
    expect(mdmcert?.url).toBe('https://mdmcert.download/api/v1/signrequest');
    expect(JSON.parse(mdmcert?.body ?? '')).toMatchObject({
      email: 'admin@example.com',
      key: 'an-api-key',
    });
    for (const hex of [true, false]) {
      const encrypted = `${mailed(mdmcert?.body ?? '', { hex })}\n`;
      const input = { requestId, encrypted };
      const { openMdmcertResponse: opened } = await server.ask(openResponse, { input });
      expect(opened.__typename).toBe('OpenMdmcertResponsePayload');
      const plist = text('signedRequest' in opened ? opened.signedRequest : '');
      expect(plist).toContain(csr.toString('base64'));
    }
    const topic = topicNamed('mdmcert');
    const certificate = certify(csr, topic);
    expect(await completed({ requestId, certificate })).toMatchObject({ topic, version: 1 });
  });

  it('opens only what was encrypted for it, and is its own', async () => {
    const one = await make({ mdmcertDownload: account });
    const other = await make({ mdmcertDownload: account });
    const plain = await make({ csr: true });
    const open = async (requestId: string, encrypted: string, token?: string) =>
      (await server.ask(openResponse, { input: { requestId, encrypted } }, token))
        .openMdmcertResponse;
    const forOther = mailed(other.mdmcert?.body ?? '');
    expect(await open(one.requestId, forOther)).toMatchObject({ code: 'UNREADABLE' });
    expect(await open(one.requestId, 'not hexadecimal')).toMatchObject({ code: 'UNREADABLE' });
    expect(await open(one.requestId, '')).toMatchObject({ code: 'UNREADABLE' });
    expect(await open(plain.requestId, forOther)).toMatchObject({ code: 'OTHER_ROUTE' });
    const body: Readonly<Record<string, string>> = JSON.parse(one.mdmcert?.body ?? '');
    const theirs: Readonly<Record<string, string>> = JSON.parse(other.mdmcert?.body ?? '');
    const mixed = mailed(JSON.stringify({ ...body, csr: theirs['csr'] }));
    expect(await open(one.requestId, mixed)).toMatchObject({ code: 'OTHER_REQUEST' });
    const stranger = await server.token();
    const refused = await open(one.requestId, mailed(one.mdmcert?.body ?? ''), stranger);
    expect(refused).toMatchObject({ __typename: 'NotFoundError', code: 'UNKNOWN_REQUEST' });
  });

  it('needs an address and a key for the API', async () => {
    const made = (input: typeof account) => tryToMake({ mdmcertDownload: input });
    expect(await made({ ...account, email: 'nobody' })).toMatchObject({ code: 'BAD_EMAIL' });
    expect(await made({ ...account, apiKey: '' })).toMatchObject({ code: 'BAD_API_KEY' });
  });
});

describe('a request that somebody else signs', () => {
  it("is the request alone; Apple's certificate, as DER or with its chain, completes it", async () => {
    const { requestId, csr, signedRequest, mdmcert } = await make({ csr: true });
    expect([signedRequest, mdmcert]).toEqual([null, null]);
    const topic = topicNamed('csr');
    const certificate = new X509Certificate(certify(csr, topic)).raw.toString('base64');
    expect(await completed({ requestId, certificate })).toMatchObject({ topic, version: 1 });
    const chained = pem(apple.certificate) + certify(csr, topic);
    expect(await completed({ requestId, certificate: chained, renews: topic })).toMatchObject({
      version: 2,
    });
  });

  it('is not completed by what is not its certificate, and keeps the rules of topics', async () => {
    const { requestId, csr } = await make({ csr: true });
    const other = await make({ csr: true });
    const topic = topicNamed('rules');
    const foreign = certify(other.csr, topic);
    expect(await completed({ requestId, certificate: foreign })).toMatchObject({
      __typename: 'ValidationError',
      code: 'KEY_MISMATCH',
    });
    const request = `-----BEGIN CERTIFICATE REQUEST-----\n${csr.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
    expect(await completed({ requestId, certificate: request })).toMatchObject({
      code: 'UNEXPECTED_PEM_BLOCK',
    });
    const certificate = certify(csr, topic);
    const renews = topicNamed('another');
    expect(await completed({ requestId, certificate, renews })).toMatchObject({
      __typename: 'ConflictError',
      code: 'OTHER_TOPIC',
    });
    for (const unknown of ['00000000-0000-4000-8000-000000000000', 'no id\0']) {
      expect(await completed({ requestId: unknown, certificate })).toMatchObject({
        __typename: 'NotFoundError',
      });
    }
  });

  it.each([
    [{ commonName: '' }, 'BAD_COMMON_NAME'],
    [{ commonName: 'line\nbreak' }, 'BAD_COMMON_NAME'],
    [{ email: 'nobody' }, 'BAD_EMAIL'],
    [{ country: 'Germany' }, 'BAD_COUNTRY'],
  ])('is refused with %j', async (more, code) => {
    const made = await tryToMake({ csr: true }, more);
    expect(made).toMatchObject({ __typename: 'ValidationError', code });
  });

  it('has to be asked for: `csr: false` is nothing', async () => {
    expect(await tryToMake({ csr: false })).toMatchObject({ code: 'NO_ROUTE' });
  });
});
