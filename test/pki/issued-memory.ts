import type { Issuance, RecordIssuance } from '../../server/pki/issue.ts';
import type { CheckChallenge, FindIssued } from '../../server/pki/scep-types.ts';

interface Challenge {
  readonly until: Date;
  uses: number;
  /** Key by transaction, hexadecimal. */
  readonly used: Map<string, string>;
}

type Issued = Issuance & { readonly certificate: Buffer; readonly sha256: Buffer };

/** What a store does for the SCEP responder, in memory. Each step is atomic, as a transaction is. */
export class IssuedMemory {
  readonly begun: Issuance[] = [];
  readonly issued: Issued[] = [];
  readonly revoked = new Set<string>();
  readonly #challenges = new Map<string, Challenge>();

  addChallenge(challenge: string, until: Date, uses = 1): void {
    this.#challenges.set(challenge, { until, uses, used: new Map() });
  }

  readonly checkChallenge: CheckChallenge = async ({
    challenge,
    transactionId,
    publicKeySha256,
    at,
  }) => {
    const known = this.#challenges.get(challenge ?? '');
    if (known === undefined) return { outcome: 'refused', reason: 'unknown' };
    if (at > known.until) return { outcome: 'refused', reason: 'expired' };
    const key = publicKeySha256.toString('hex');
    const before = known.used.get(transactionId);
    if (before !== undefined && before !== key) return { outcome: 'refused', reason: 'other-key' };
    if (before === undefined) {
      if (known.uses === 0) return { outcome: 'refused', reason: 'used' };
      known.uses -= 1;
      known.used.set(transactionId, key);
    }
    const issued = this.#standing(transactionId, publicKeySha256);
    return issued
      ? { outcome: 'already', certificate: issued.certificate }
      : { outcome: 'granted', grant: `invitation ${challenge}` };
  };

  readonly findIssued: FindIssued = {
    byTransaction: async (transactionId, requester) =>
      this.issued.find(
        (each) => each.transactionId === transactionId && each.requesterKeySha256.equals(requester),
      ) ?? null,
    isCurrent: async (sha256) =>
      this.issued.some((each) => each.sha256.equals(sha256)) &&
      !this.revoked.has(sha256.toString('hex')),
    bySerial: async (serial) =>
      this.issued.find((each) => each.serial === serial)?.certificate ?? null,
  };

  readonly record: RecordIssuance = {
    begin: async (issuance) => {
      this.begun.push(issuance);
    },
    finish: async (issued) => {
      const standing = this.#standing(issued.transactionId, issued.publicKeySha256);
      if (standing !== undefined) return standing.certificate;
      this.issued.push(issued);
      return issued.certificate;
    },
  };

  #standing(transactionId: string, publicKeySha256: Buffer): Issued | undefined {
    return this.issued.find(
      (each) =>
        each.transactionId === transactionId && each.publicKeySha256.equals(publicKeySha256),
    );
  }
}
