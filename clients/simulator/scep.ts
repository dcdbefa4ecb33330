import type { KeyObject } from 'node:crypto';
import {
  createHash,
  createPublicKey,
  generateKeyPair,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Certificate } from '../../server/protocol/cms/certificate.ts';
import { readCertificate } from '../../server/protocol/cms/certificate.ts';
import { writeCertificateRequest } from '../../server/protocol/cms/certificate-request-write.ts';
import type { ContentCipher } from '../../server/protocol/cms/content-cipher.ts';
import { nameAttribute } from '../../server/protocol/cms/name.ts';
import { oid } from '../../server/protocol/cms/oids.ts';
import { issueCertificate } from '../../server/protocol/cms/x509-write.ts';
import type { FailInfo } from '../../server/protocol/scep/attributes.ts';
import type { CertRep, PkiRequest } from '../../server/protocol/scep/client.ts';
import { readCertRep, writePkiRequest } from '../../server/protocol/scep/client.ts';
import { writeIssuerAndSubject } from '../../server/protocol/scep/names.ts';
import type { ScepPayload } from './enrollment-profile.ts';
import type { Identity } from './identity.ts';
import type { ScepSend, ScepServer } from './scep-transport.ts';
import { fetchScep, scepServer } from './scep-transport.ts';

/** The SCEP server refused, or kept a request pending for longer than the profile waits. */
export class ScepFailure extends Error {
  override readonly name = 'ScepFailure';
  readonly failInfo: FailInfo | null;

  constructor(message: string, failInfo: FailInfo | null) {
    super(message);
    this.failInfo = failInfo;
  }
}

export interface ScepOptions {
  /** @default Node's own client */
  readonly send?: ScepSend;
  /** Waits between polls, in seconds. @default really */
  readonly pause?: (seconds: number) => Promise<void>;
  /** @default the strongest that the server offers */
  readonly cipher?: ContentCipher;
  /** Made already, to spare the time or to try again with it. @default a new RSA key */
  readonly key?: KeyObject;
  /** @default the SHA-256 of the key */
  readonly transactionId?: string;
}

/** What renews: a RenewalReq, or a PKCSReq that the current certificate signs, which devices send too. */
export type RenewalMessage = 'RenewalReq' | 'PKCSReq';

const pair = promisify(generateKeyPair);
const day = 86_400_000;

/** Gets a first identity as a profile's SCEP payload says. @throws {ScepFailure} refused */
export async function enrolByScep(scep: ScepPayload, options: ScepOptions = {}): Promise<Identity> {
  const key = options.key ?? (await newKey(scep));
  const now = Date.now();
  const self = issueCertificate({
    subject: scep.subject,
    publicKey: createPublicKey(key),
    issuerKey: key,
    notBefore: new Date(now - day),
    notAfter: new Date(now + 365 * day),
    keyUsage: ['digitalSignature', 'keyEncipherment'],
  });
  const requester = { key, certificate: readCertificate(self) };
  return request('PKCSReq', scep, key, requester, options);
}

/** Gets a new identity for an old one, which signs the request. @throws {ScepFailure} refused */
export async function renewByScep(
  identity: Identity,
  scep: ScepPayload,
  options: ScepOptions & { readonly message?: RenewalMessage } = {},
): Promise<Identity> {
  const key = options.key ?? (await newKey(scep));
  const requester = { key: identity.key, certificate: readCertificate(identity.certificate) };
  return request(options.message ?? 'RenewalReq', scep, key, requester, options);
}

async function newKey({ keySize }: ScepPayload): Promise<KeyObject> {
  return (await pair('rsa', { modulusLength: keySize })).privateKey;
}

async function request(
  messageType: RenewalMessage,
  scep: ScepPayload,
  key: KeyObject,
  requester: Pick<PkiRequest, 'key' | 'certificate'>,
  options: ScepOptions,
): Promise<Identity> {
  const server = scepServer(scep.url, options.send ?? fetchScep);
  const capabilities = await server.capabilities();
  const authorities = await server.certificates(scep.name);
  const recipient = recipientAmong(authorities, scep.fingerprint);
  const message = {
    ...requester,
    transactionId: options.transactionId ?? transactionOf(key),
    recipient,
    cipher: options.cipher ?? (capabilities.has('AES') ? 'aes-128-cbc' : 'des-ede3-cbc'),
    digest: capabilities.has('SHA-256') || capabilities.has('SCEPStandard') ? 'sha256' : 'sha1',
  } as const;
  const { challenge, subject } = scep;
  const content = writeCertificateRequest({
    subject,
    key,
    ...(challenge !== null && { challengePassword: challenge }),
  });
  const post = capabilities.has('POSTPKIOperation') || capabilities.has('SCEPStandard');
  const exchange = (type: PkiRequest['messageType'], body: Buffer) =>
    exchangeOnce(server, post, { ...message, messageType: type, content: body }, authorities);
  const poll = writeIssuerAndSubject({
    issuerDer: recipient.basicConstraints?.ca ? recipient.subjectDer : recipient.issuerDer,
    subjectDer: subject,
  });
  let reply = await exchange(messageType, content);
  for (let tried = 0; reply.status === 'pending' && tried < scep.retries; tried += 1) {
    // The first retry is made without delay (com.apple.security.scep, RetryDelay).
    if (tried > 0) await (options.pause ?? pause)(scep.retryDelay);
    reply = await exchange('CertPoll', poll);
  }
  return identityIn(reply, key);
}

async function pause(seconds: number): Promise<void> {
  await sleep(seconds * 1000);
}

async function exchangeOnce(
  server: ScepServer,
  post: boolean,
  message: Omit<PkiRequest, 'senderNonce'>,
  authorities: readonly Certificate[],
): Promise<CertRep> {
  const request: PkiRequest = { ...message, senderNonce: randomBytes(16) };
  return readCertRep(await server.operate(writePkiRequest(request), post), request, authorities);
}

function identityIn(reply: CertRep, key: KeyObject): Identity {
  if (reply.status === 'pending') throw new ScepFailure('the request is still pending', null);
  if (reply.status === 'failure') {
    throw new ScepFailure(
      `the request was refused: ${reply.failInfo ?? 'no reason'}`,
      reply.failInfo,
    );
  }
  const certificate = reply.certificates.find((each) =>
    new X509Certificate(each).checkPrivateKey(key),
  );
  if (certificate === undefined) throw new ScepFailure('the reply lacks the certificate', null);
  const commonName = nameAttribute(readCertificate(certificate).subjectDer, oid.commonName) ?? '';
  return { commonName, certificate, key, intermediates: [] };
}

const printDigests = new Map([
  [16, 'md5'],
  [20, 'sha1'],
  [32, 'sha256'],
]);

/** The certificate that envelopes are for: of the authority with that print, or issued by it. */
function recipientAmong(
  certificates: readonly Certificate[],
  fingerprint: Buffer | null,
): Certificate {
  const rsa = certificates.filter(
    ({ der }) => new X509Certificate(der).publicKey.asymmetricKeyType === 'rsa',
  );
  // Some authorities are written to although their certificate doesn't say so.
  const recipient = rsa.find(({ keyUsage }) => keyUsage?.has('keyEncipherment') ?? true) ?? rsa[0];
  if (recipient === undefined) throw new Error('the SCEP server shows no certificate to write to');
  if (fingerprint === null) return recipient;
  const digest = printDigests.get(fingerprint.length) ?? 'sha256';
  const authority = certificates.find(({ der }) =>
    createHash(digest).update(der).digest().equals(fingerprint),
  );
  if (authority === undefined) throw new Error('the SCEP server is not the one of the profile');
  const above = new X509Certificate(authority.der);
  if (recipient !== authority && !new X509Certificate(recipient.der).verify(above.publicKey)) {
    throw new Error('the SCEP server writes with a certificate of somebody else');
  }
  return recipient;
}

function transactionOf(key: KeyObject): string {
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return createHash('sha256').update(publicKey).digest('hex');
}
