import { type KeyObject, createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { defaultTopic } from '../../../clients/simulator/facts.ts';
import { type Authority, certificatePem } from '../../../clients/simulator/identity.ts';
import { readCertificate } from '../../../server/protocol/cms/certificate.ts';
import { oid } from '../../../server/protocol/cms/oids.ts';
import { signDetached } from '../../../server/protocol/cms/sign.ts';
import { issueCertificate } from '../../../server/protocol/cms/x509-write.ts';
import { buildPlist } from '../../../server/protocol/plist/build.ts';
import type { PlistDict } from '../../../server/protocol/plist/value.ts';

/** How messages are proved: by their signature, or by a header that a proxy would write. */
export type Proof = 'signature' | 'header';

/** The name of that header, for the servers' `--cert-header`. */
export const certificateHeader = 'X-Bench-Certificate';

/** A device whose messages are made before they are sent. */
export interface BenchDevice {
  readonly udid: string;
  readonly certificate: Buffer;
  /** The whole request for a message, head and body. */
  request(kind: 'check-in' | 'report', body: Buffer): Buffer;
}

const day = 86_400_000;

/**
 * Makes devices number `first`, `first + step` and on. Their certificates differ, their key is one and the same: to a
 * server that is no difference, and thousands of RSA keys would take minutes.
 */
export function makeDevices(
  authority: Authority,
  options: {
    readonly first: number;
    readonly step: number;
    readonly count: number;
    readonly proof: Proof;
    readonly host: string;
    readonly key: 'rsa' | 'ec';
  },
): readonly BenchDevice[] {
  const { publicKey, privateKey } =
    options.key === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const issuer = readCertificate(authority.certificate);
  return Array.from({ length: options.count }, (_, at) => {
    const udid = udidOf(options.first + at * options.step);
    const certificate = issueCertificate({
      subject: { commonName: udid },
      publicKey,
      issuer,
      issuerKey: authority.key,
      notBefore: new Date(Date.now() - day),
      notAfter: new Date(Date.now() + 365 * day),
      keyUsage: ['digitalSignature', 'keyEncipherment'],
      extendedKeyUsage: [oid.clientAuth],
    });
    const { proof, host } = options;
    const header = proof === 'header' ? encodeURIComponent(certificatePem(certificate)) : '';
    return {
      udid,
      certificate,
      request: (kind, body) =>
        requestOf(
          host,
          kind,
          proof === 'header'
            ? `${certificateHeader}: ${header}`
            : `Mdm-Signature: ${signature(privateKey, certificate, body)}`,
          body,
        ),
    };
  });
}

/** A UDID as devices have it, the same in every run. */
export function udidOf(number: number): string {
  return createHash('sha256').update(`bench ${number}`).digest('hex').slice(0, 40).toUpperCase();
}

/** The same by PostgreSQL. */
export function udidSql(number: string): string {
  return `upper(left(encode(sha256(convert_to('bench ' || ${number}, 'UTF8')), 'hex'), 40))`;
}

/** As Apple's devices sign: SHA-1, BER, no attributes. */
function signature(key: KeyObject, certificate: Buffer, body: Buffer): string {
  return signDetached({ body, key, certificate, intermediates: [], style: 'apple' }).toString(
    'base64',
  );
}

function requestOf(host: string, kind: 'check-in' | 'report', proof: string, body: Buffer): Buffer {
  const type = kind === 'check-in' ? 'mdm-checkin' : 'mdm';
  const head =
    `PUT /mdm HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: MDM/1.0\r\nAccept: */*\r\n` +
    `Content-Type: application/x-apple-aspen-${type}\r\n${proof}\r\n` +
    `Content-Length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

/** The messages of an enrolment. */
export function enrolMessages(device: BenchDevice, number: number): readonly [Buffer, Buffer] {
  const authenticate = buildPlist({
    MessageType: 'Authenticate',
    UDID: device.udid,
    Topic: defaultTopic,
    DeviceName: `Bench ${number}`,
    Model: 'MK2K3',
    ModelName: 'iPad',
    OSVersion: '18.3',
    BuildVersion: '22D63',
    ProductName: 'iPad12,1',
    SerialNumber: `BENCH${number}`,
  });
  const tokenUpdate = buildPlist({
    MessageType: 'TokenUpdate',
    UDID: device.udid,
    Topic: defaultTopic,
    Token: randomBytes(32),
    PushMagic: `magic-${number}`,
    AwaitingConfiguration: false,
  });
  return [device.request('check-in', authenticate), device.request('check-in', tokenUpdate)];
}

/** A poll. */
export function idleMessage(device: BenchDevice): Buffer {
  return device.request('report', buildPlist({ UDID: device.udid, Status: 'Idle' }));
}

/** Whether a device answers a question as it did the last time (most do), or with something new. */
export type Answers = 'same' | 'changing';

/** The applications that a device answers it has, about so many bytes long. */
export function resultMessage(
  device: BenchDevice,
  uuid: string,
  bytes: number,
  answers: Answers = 'same',
): Buffer {
  const dict: PlistDict = {
    UDID: device.udid,
    CommandUUID: uuid,
    Status: 'Acknowledged',
    QueryResponses: { DeviceName: 'Bench', OSVersion: '18.3' },
    InstalledApplicationList: applications(bytes, answers === 'same' ? '18.3' : uuid),
  };
  return device.request('report', buildPlist(dict));
}

/** As iOS lists them; one takes about 480 bytes. */
function applications(bytes: number, version: string): PlistDict[] {
  const many = Math.max(1, Math.round((bytes - 600) / 480));
  return Array.from({ length: many }, (_, at) => ({
    AdHocCodeSigned: false,
    AppStoreVendable: true,
    BetaApp: false,
    BundleSize: 12_345_678 + at,
    DynamicSize: 4096 * at,
    Identifier: `com.example.application-${at}`,
    Installing: false,
    IsValidated: true,
    Name: `Application ${at}`,
    ShortVersion: version,
    Version: `${at}.0.1`,
  }));
}
