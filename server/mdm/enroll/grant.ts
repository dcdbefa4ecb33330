import { sha256Of } from '../../pki/sha256.ts';

/** What allowed a first certificate, as it goes through the SCEP responder. */
export interface Grant {
  /** An invitation's id, or `static` for the challenge of the settings. */
  readonly challenge: string;
  /** The fixed values of the profile that the challenge stood in, if they are known. */
  readonly valuesSha256: Buffer | null;
}

export const staticChallenge = 'static';

export function writeGrant({ challenge, valuesSha256 }: Grant): string {
  return valuesSha256 === null ? challenge : `${challenge} ${valuesSha256.toString('hex')}`;
}

export function readGrant(text: string): Grant {
  const [challenge = '', values] = text.split(' ');
  return { challenge, valuesSha256: values === undefined ? null : Buffer.from(values, 'hex') };
}

/** The invitation of a grant; null for the challenge of the settings. */
export function invitationOf({ challenge }: Grant): string | null {
  return challenge === staticChallenge ? null : challenge;
}

/** One hash for what a certificate is issued for: a repeated request has the same. */
export function purposeHash(purpose: {
  readonly challenge: string | null;
  readonly transactionId: string;
  readonly publicKeySha256: Buffer;
  readonly renewalOf: Buffer | null;
}): Buffer {
  const { challenge, transactionId, publicKeySha256, renewalOf } = purpose;
  const parts = [
    challenge,
    transactionId,
    publicKeySha256.toString('hex'),
    renewalOf?.toString('hex') ?? null,
  ];
  return sha256Of(Buffer.from(JSON.stringify(parts)));
}
