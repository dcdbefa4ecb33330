import type { VerifiedCertificate } from '../model/identity.ts';
import type { Metrics } from '../model/metrics.ts';
import { noMetrics } from '../model/metrics.ts';
import { Refusal } from '../model/refusal.ts';
import { BerError } from '../protocol/cms/ber.ts';
import type { SignedData, SignerId } from '../protocol/cms/signed-data.ts';
import { parseSignedData } from '../protocol/cms/signed-data.ts';
import type { SignatureVerdict } from '../protocol/cms/verify.ts';
import { verifyDetached } from '../protocol/cms/verify.ts';
import type { KnownCertificates } from './known-certificates.ts';
import { decodeBase64 } from './pem.ts';

/**
 * Says who signed a device's message, by its `Mdm-Signature` header over the body as it came.
 * @param at  when the message arrived
 * @throws {Refusal} 400, with a code for each reason
 */
export type SignatureVerifier = (
  header: string | undefined,
  body: Buffer,
  at: Date,
) => VerifiedCertificate;

const headerLimit = 64 * 1024;

const reasons: Readonly<Record<Exclude<SignatureVerdict, 'holds'>, string>> = {
  'signature-mismatch': 'The signature is not of this body by this certificate.',
  'digest-refused': 'The signature uses a digest that is not accepted, such as MD5.',
  'sha1-refused': 'The signature uses SHA-1, which is set to be refused.',
  'algorithm-refused': 'The signature uses an algorithm that is not accepted.',
  'bad-attributes': 'The signed attributes are not those of a signed message.',
  'bad-signing-time': 'The signing time lies outside of the validity of the certificate.',
};

/**
 * Creates the verifier. About as costly as the RSA or ECDSA check alone for certificates that
 * `certificates` remembers.
 */
export function createSignatureVerifier(options: {
  readonly certificates: KnownCertificates;
  /** Whether SHA-1 signatures are refused; Apple's devices still make them. @default false */
  readonly refuseSha1?: boolean;
  readonly metrics?: Metrics;
}): SignatureVerifier {
  const { certificates, refuseSha1 = false } = options;
  const count = (options.metrics ?? noMetrics).counter(
    'graphmdm_signatures_total',
    'Mdm-Signature headers checked, by outcome',
    ['outcome'],
  );
  const check: SignatureVerifier = (header, body, at) => {
    const signed = signedDataIn(header);
    const signer = signerAmong(signed, certificates);
    const others = signed.certificates.filter((each) => each !== signer);
    const { certificate, publicKey, verified } = certificates.trusted(signer, others, at);
    const { notBefore, notAfter } = certificate;
    const verdict = verifyDetached(
      signed,
      body,
      { publicKey, notBefore, notAfter },
      { refuseSha1 },
    );
    if (verdict !== 'holds') throw new Refusal(400, verdict, reasons[verdict]);
    return verified;
  };
  return (header, body, at) => {
    try {
      const verified = check(header, body, at);
      count({ outcome: 'ok' });
      return verified;
    } catch (error) {
      count({ outcome: error instanceof Refusal ? error.code : 'error' });
      throw error;
    }
  };
}

function signedDataIn(header: string | undefined): SignedData {
  const value = header?.trim() ?? '';
  if (value === '')
    throw new Refusal(400, 'missing-signature', 'There is no Mdm-Signature header.');
  if (value.length > headerLimit) {
    throw new Refusal(400, 'signature-too-large', 'The Mdm-Signature header is too long.');
  }
  let bytes: Buffer;
  try {
    bytes = decodeBase64(value);
  } catch {
    throw new Refusal(400, 'bad-base64', 'The Mdm-Signature header is not standard base64.');
  }
  try {
    return parseSignedData(bytes);
  } catch (error) {
    if (!(error instanceof BerError)) throw error;
    throw new Refusal(400, 'bad-cms', `The Mdm-Signature is not a signature: ${error.message}.`);
  }
}

/** The signer's certificate among those in the signature. */
function signerAmong(signed: SignedData, known: KnownCertificates): Buffer {
  const found = signed.certificates.find((der) => isNamedBy(signed.signerId, der, known));
  if (found === undefined) {
    throw new Refusal(400, 'missing-certificate', "The signature lacks its signer's certificate.");
  }
  return found;
}

function isNamedBy(signer: SignerId, der: Buffer, known: KnownCertificates): boolean {
  try {
    const { issuerDer, serial, subjectKeyId } = known.read(der);
    return 'serial' in signer
      ? serial.equals(signer.serial) && issuerDer.equals(signer.issuer)
      : (subjectKeyId?.equals(signer.subjectKeyId) ?? false);
  } catch (error) {
    if (error instanceof BerError) return false;
    throw error;
  }
}
