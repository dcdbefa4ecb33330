import {
  derOid,
  derPrintable,
  derSequence,
  derSet,
  derUtf8,
} from '../../server/protocol/cms/der-write.ts';
import { publicKeyOf } from '../../server/protocol/cms/certificate.ts';
import { parseSignedData } from '../../server/protocol/cms/signed-data.ts';
import { signerCertificate } from '../../server/protocol/cms/signer.ts';
import { verifyDetached } from '../../server/protocol/cms/verify.ts';
import { parsePlist } from '../../server/protocol/plist/parse.ts';
import type { PlistDict, PlistValue } from '../../server/protocol/plist/value.ts';
import { isPlistDict } from '../../server/protocol/plist/value.ts';

/** How a profile tells a device to get its identity. */
export interface ScepPayload {
  readonly url: URL;
  readonly name: string | null;
  readonly challenge: string | null;
  readonly fingerprint: Buffer | null;
  /** A Name, DER. */
  readonly subject: Buffer;
  readonly keySize: number;
  /** How often a pending request is asked about again, and after how many seconds each. */
  readonly retries: number;
  readonly retryDelay: number;
}

/** What an MDM payload says, with all of its keys. */
export interface MdmPayload {
  readonly topic: string;
  readonly serverUrl: URL;
  readonly checkInUrl: URL;
  readonly payload: PlistDict;
}

/** An enrolment profile as a device understands it. */
export interface EnrollmentProfile {
  readonly identifier: string;
  readonly uuid: string;
  readonly scep: ScepPayload;
  readonly mdm: MdmPayload;
  /** Roots to trust, DER. */
  readonly roots: readonly Buffer[];
  /** Certificate of who signed the profile, DER, or null. */
  readonly signedBy: Buffer | null;
}

/** Reads a `.mobileconfig`, signed or not. @throws when a device would not install it */
export function readEnrollmentProfile(bytes: Buffer): EnrollmentProfile {
  const { content, signedBy } = unwrapped(bytes);
  const root = parsePlist(content);
  const profile: PlistDict = isPlistDict(root) ? root : {};
  const payloads = payloadsOf(profile);
  const mdm = payloads.find((each) => each['PayloadType'] === 'com.apple.mdm');
  if (mdm === undefined) throw new Error('the profile has no MDM payload');
  const wanted = mdm['IdentityCertificateUUID'];
  const identity = payloads.find((each) => each['PayloadUUID'] === wanted);
  if (identity?.['PayloadType'] !== 'com.apple.security.scep') {
    throw new Error('the profile has no SCEP payload for its identity');
  }
  return {
    identifier: text(profile, 'PayloadIdentifier'),
    uuid: text(profile, 'PayloadUUID'),
    scep: scepOf(identity['PayloadContent']),
    mdm: {
      topic: text(mdm, 'Topic'),
      serverUrl: new URL(text(mdm, 'ServerURL')),
      checkInUrl: new URL(
        mdm['CheckInURL'] === undefined ? text(mdm, 'ServerURL') : text(mdm, 'CheckInURL'),
      ),
      payload: mdm,
    },
    roots: payloads
      .filter((each) => each['PayloadType'] === 'com.apple.security.root')
      .map((each) => data(each['PayloadContent']) ?? Buffer.alloc(0)),
    signedBy,
  };
}

function unwrapped(bytes: Buffer): { content: Buffer; signedBy: Buffer | null } {
  if (bytes[0] !== 0x30) return { content: bytes, signedBy: null };
  const signed = parseSignedData(bytes);
  const signer = signerCertificate(signed);
  const key = { ...signer, publicKey: publicKeyOf(signer) };
  if (signed.content === null || verifyDetached(signed, signed.content, key) !== 'holds') {
    throw new Error("the profile's signature does not hold");
  }
  return { content: signed.content, signedBy: signer.der };
}

function payloadsOf(profile: PlistDict): readonly PlistDict[] {
  const content = profile['PayloadContent'];
  if (!Array.isArray(content)) throw new Error('the profile has no payloads');
  return (content as readonly PlistValue[]).filter(isPlistDict);
}

function scepOf(content: PlistValue | undefined): ScepPayload {
  const scep: PlistDict = isPlistDict(content) ? content : {};
  const optional = (key: string) => (scep[key] === undefined ? null : text(scep, key));
  const number = (key: string, otherwise: number) => {
    const value = scep[key];
    return typeof value === 'number' ? value : otherwise;
  };
  return {
    url: new URL(text(scep, 'URL')),
    name: optional('Name'),
    challenge: optional('Challenge'),
    fingerprint: data(scep['CAFingerprint']),
    subject: subjectOf(scep['Subject']),
    keySize: number('Keysize', 1024),
    retries: number('Retries', 3),
    retryDelay: number('RetryDelay', 10),
  };
}

const attributeOids = new Map<string, string>([
  ['C', '2.5.4.6'],
  ['L', '2.5.4.7'],
  ['ST', '2.5.4.8'],
  ['O', '2.5.4.10'],
  ['OU', '2.5.4.11'],
  ['CN', '2.5.4.3'],
]);

/** `[[["O", "Example"]], [["CN", "device"]]]`, with dotted identifiers where there is no short name. */
function subjectOf(value: PlistValue | undefined): Buffer {
  const sets = value === undefined ? [] : list(value);
  return derSequence(
    ...sets.map((set) =>
      derSet(
        ...list(set).map((pair) => {
          const [type, content] = list(pair);
          if (typeof type !== 'string' || typeof content !== 'string') throw notASubject();
          const written = type === 'C' ? derPrintable(content) : derUtf8(content);
          return derSequence(derOid(attributeOids.get(type) ?? type), written);
        }),
      ),
    ),
  );
}

function list(value: PlistValue): readonly PlistValue[] {
  if (!Array.isArray(value)) throw notASubject();
  return value as readonly PlistValue[];
}

function notASubject(): Error {
  return new Error('the SCEP payload has a malformed subject');
}

function text(dict: PlistDict, key: string): string {
  const value = dict[key];
  if (typeof value !== 'string') throw new Error(`the profile lacks ${key}`);
  return value;
}

function data(value: PlistValue | undefined): Buffer | null {
  return value instanceof Uint8Array ? Buffer.from(value) : null;
}
