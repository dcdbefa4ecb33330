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
    const grant = `invitation ${challenge}`;
    const issued = this.#standing({ transactionId, publicKeySha256, grant, renewalOf: null }, at);
    return issued
      ? { outcome: 'already', certificate: issued.certificate }
      : { outcome: 'granted', grant };
  };

  readonly findIssued: FindIssued = {
    byTransaction: async ({ transactionId, requesterKeySha256, renewalOf }) =>
      this.issued.findLast(
        (each) =>
          each.transactionId === transactionId &&
          each.requesterKeySha256.equals(requesterKeySha256) &&
          (renewalOf === undefined || sameBytes(each.renewalOf, renewalOf)),
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
      const standing = this.#standing(issued, issued.notBefore);
      if (standing !== undefined) return standing.certificate;
      this.issued.push(issued);
      return issued.certificate;
    },
  };

  #standing(wanted: Wanted, at: Date): Issued | undefined {
    return this.issued.find(
      (each) =>
        each.transactionId === wanted.transactionId &&
        each.grant === wanted.grant &&
        each.publicKeySha256.equals(wanted.publicKeySha256) &&
        sameBytes(each.renewalOf, wanted.renewalOf) &&
        !this.revoked.has(each.sha256.toString('hex')) &&
        each.notAfter >= at,
    );
  }
}

type Wanted = Pick<Issuance, 'transactionId' | 'grant' | 'publicKeySha256' | 'renewalOf'>;

function sameBytes(one: Buffer | null, other: Buffer | null): boolean {
  return one === null || other === null ? one === other : one.equals(other);
}
