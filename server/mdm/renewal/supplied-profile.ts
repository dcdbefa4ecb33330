import { ValidationError } from '../../model/errors.ts';
import { BerError } from '../../protocol/cms/ber.ts';
import { parseSignedData } from '../../protocol/cms/signed-data.ts';
import { buildPlist } from '../../protocol/plist/build.ts';
import { parsePlist } from '../../protocol/plist/parse.ts';
import { isPlistDict, type PlistDict, PlistError } from '../../protocol/plist/value.ts';

/** An enrolment profile that was made elsewhere, as far as renewing needs to understand it. */
export interface SuppliedProfile {
  /** The profile's own PayloadIdentifier. */
  readonly identifier: string;
  readonly topic: string;
  readonly serverUrl: string;
  /** Where its devices get their certificates. */
  readonly scepUrl: string;
}

/** A DER or BER SEQUENCE: the profile is signed. */
const sequence = 0x30;

/**
 * Reads a `.mobileconfig`, signed or not.
 * @throws {ValidationError} it is none, or lacks the MDM payload or the SCEP payload of its identity
 */
export function readSuppliedProfile(bytes: Buffer, path: readonly string[]): SuppliedProfile {
  const root = rootOf(bytes, path);
  const payloads = payloadsOf(root);
  const mdm = payloads.find((each) => each['PayloadType'] === 'com.apple.mdm');
  if (mdm === undefined) {
    throw new ValidationError('NO_MDM_PAYLOAD', 'The profile has no MDM payload.', path);
  }
  const { PayloadIdentifier: identifier } = root;
  if (typeof identifier !== 'string') {
    throw new ValidationError('NOT_A_PROFILE', 'The profile has no PayloadIdentifier.', path);
  }
  const { Topic: topic, ServerURL: serverUrl } = mdm;
  const scep = scepOf(payloads, mdm)?.['PayloadContent'];
  const scepUrl = isPlistDict(scep) ? scep['URL'] : undefined;
  if (typeof scepUrl !== 'string') {
    throw new ValidationError(
      'NO_SCEP_PAYLOAD',
      'The identity of the MDM payload does not come from a SCEP payload of this profile, so sending it ' +
        'again brings no new certificate.',
      path,
    );
  }
  if (typeof topic !== 'string' || typeof serverUrl !== 'string') {
    throw new ValidationError(
      'NO_MDM_PAYLOAD',
      'The MDM payload lacks its Topic or its ServerURL.',
      path,
    );
  }
  return { identifier, topic, serverUrl, scepUrl };
}

/**
 * The same profile with another challenge, for devices that get their certificates here.
 * @returns XML, unsigned
 */
export function withChallenge(bytes: Buffer, challenge: string): Buffer {
  const root = rootOf(bytes, []);
  const payloads = payloadsOf(root);
  const mdm = payloads.find((each) => each['PayloadType'] === 'com.apple.mdm');
  const scep = mdm && scepOf(payloads, mdm);
  const content = payloads.map((payload) => {
    const inner = payload['PayloadContent'];
    return payload === scep && isPlistDict(inner)
      ? { ...payload, PayloadContent: { ...inner, Challenge: challenge } }
      : payload;
  });
  return buildPlist({ ...root, PayloadContent: content });
}

function rootOf(bytes: Buffer, path: readonly string[]): PlistDict {
  try {
    const root = parsePlist(bytes[0] === sequence ? contentOf(bytes) : bytes);
    if (isPlistDict(root)) return root;
  } catch (error) {
    if (!(error instanceof PlistError) && !(error instanceof BerError)) throw error;
    throw new ValidationError('NOT_A_PROFILE', `This is no profile. ${error.message}`, path);
  }
  throw new ValidationError('NOT_A_PROFILE', 'The root of the profile is not a dictionary.', path);
}

function contentOf(bytes: Buffer): Buffer {
  const { content } = parseSignedData(bytes);
  if (content === null) throw new BerError('the signature has no profile inside');
  return content;
}

function payloadsOf(root: PlistDict): readonly PlistDict[] {
  const { PayloadContent: content } = root;
  return Array.isArray(content) ? content.filter((each) => isPlistDict(each)) : [];
}

function scepOf(payloads: readonly PlistDict[], mdm: PlistDict): PlistDict | undefined {
  return payloads.find(
    (each) =>
      each['PayloadType'] === 'com.apple.security.scep' &&
      each['PayloadUUID'] === mdm['IdentityCertificateUUID'],
  );
}
