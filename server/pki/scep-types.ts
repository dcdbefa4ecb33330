import type { FailInfo } from '../protocol/scep/attributes.ts';
import type { IssuePolicy } from './issue.ts';
import type { KeyPolicy } from './key-policy.ts';

/** A request as the web server hands it over. */
export interface ScepRequest {
  /** The `operation` of the query, or null. */
  readonly operation: string | null;
  /** The `message` of the query (URL-decoded), or the body of a POST; null if there is neither. */
  readonly message: string | Buffer | null;
  /** The client's address, for whoever counts wrong challenges. */
  readonly from?: string;
}

/** What to answer. SCEP's own refusals are answers with status 200. */
export interface ScepAnswer {
  readonly status: 200 | 400 | 413 | 503;
  readonly contentType: string;
  readonly body: Buffer;
  /** Why a request was refused in the words of SCEP; for metrics. */
  readonly failInfo?: FailInfo;
}

/** Answers one request. Rejects only when something that was passed in did. */
export type ScepResponder = (request: ScepRequest) => Promise<ScepAnswer>;

/** A challenge password that somebody wants to use. */
export interface ChallengeUse {
  /** A secret. Null if the request has none. */
  readonly challenge: string | null;
  readonly transactionId: string;
  /** SHA-256 of the key that the certificate is for. */
  readonly publicKeySha256: Buffer;
  readonly at: Date;
  /** The client's address, if it is known. */
  readonly from?: string;
}

export type ChallengeVerdict =
  /** `grant` is recorded with what is issued, such as the invitation's id. */
  | { readonly outcome: 'granted'; readonly grant: string | null }
  /** This transaction with this key got its certificate before (DER), and it is still current: it is sent again. */
  | { readonly outcome: 'already'; readonly certificate: Buffer }
  /** `reason` is for the log: `unknown`, `expired`, `used`, `revoked`, `other-key`. */
  | { readonly outcome: 'refused'; readonly reason: string };

/**
 * Uses a challenge up, in one transaction with its count, and decides every race: exactly one key
 * wins a one-time challenge. The same challenge, transaction and key again, within the challenge's
 * life, is not another use: `already` while the certificate that it got is current (neither revoked
 * nor past its end), and `granted` again as long as none is recorded (the process that was first may
 * have died). The same challenge and transaction with another key is refused. Transaction ids are
 * made from the key by most clients, so another challenge may bring the same pair: a use of its own.
 */
export type CheckChallenge = (use: ChallengeUse) => Promise<ChallengeVerdict>;

/** What the responder asks about certificates issued before. */
export interface FindIssued {
  /**
   * The newest certificate that a transaction ended with.
   * @param asked.renewalOf  only renewals of the certificate with this SHA-256
   * @returns null if there is none
   */
  byTransaction(asked: {
    readonly transactionId: string;
    readonly requesterKeySha256: Buffer;
    readonly renewalOf?: Buffer;
  }): Promise<{
    /** DER. */
    readonly certificate: Buffer;
    readonly publicKeySha256: Buffer;
  } | null>;
  /** Whether a certificate was issued by us and is not revoked. Its validity is not asked. */
  isCurrent(sha256: Buffer): Promise<boolean>;
  /** @param serial  lower-case hexadecimal @returns DER or null */
  bySerial(serial: string): Promise<Buffer | null>;
}

export interface ScepPolicy extends KeyPolicy, IssuePolicy {
  /** Whether single DES is refused. Widespread clients send nothing else. @default false */
  readonly refuseSingleDes?: boolean;
  /** Whether SHA-1 signatures are refused. @default false */
  readonly refuseSha1?: boolean;
  /** Whether requested alternative names are put into certificates; else they are left out. @default false */
  readonly keepAlternativeNames?: boolean;
}
