import type { CertificateProblem } from './certificate-problem.ts';

/** What every refusal says. */
interface Refusal {
  /** HTTP status of Apple's answer; null when there was none. */
  readonly status: number | null;
  /** Apple's reason string, or a short word of ours where Apple gave none. */
  readonly reason: string;
  /** Our id of the push: a resend of the same push carries a new one. */
  readonly apnsId: string;
}

/** Apple took the push. It says nothing about the device having heard it. */
export interface Accepted {
  readonly kind: 'accepted';
  readonly status: 200;
  readonly apnsId: string;
}

/** 410: the token is no longer active for the topic. */
export interface Unregistered extends Refusal {
  readonly kind: 'unregistered';
  /** Since when Apple knows; a token that the device gave us later is not meant. */
  readonly since: Date | null;
}

/** The request or the token is at fault: the same push never works. */
export interface Rejected extends Refusal {
  readonly kind:
    | 'bad-device-token'
    | 'device-token-not-for-topic'
    | 'topic-disallowed'
    /** Everything else permanent: payload too large, bad priority, … A fault of the program. */
    | 'rejected';
}

/** Apple does not take the topic's certificate: nothing works for the topic until it is replaced. */
export interface CertificateRefused extends Refusal {
  readonly kind: 'certificate-refused';
  readonly problem: CertificateProblem;
}

/** There is no certificate for the topic. */
export interface NoCertificate extends Refusal {
  readonly kind: 'no-certificate';
}

/** 429: too much for this device. Others are not concerned. */
export interface TooManyRequests extends Refusal {
  readonly kind: 'too-many-requests';
  /** Milliseconds that Apple asks to wait, if it says. */
  readonly retryAfter: number | null;
}

/** It may work later: 5xx, no connection, connection lost, no answer, shutting down. */
export interface Transient extends Refusal {
  readonly kind: 'transient';
  /** Milliseconds to wait at least, if known. */
  readonly retryAfter: number | null;
  /**
   * Whether the push was sent and its fate is unknown. A second push only wakes the device once more,
   * so that it may be sent again, but then it may be heard twice.
   */
  readonly mayHaveArrived: boolean;
}

/** What became of a push. */
export type PushOutcome =
  | Accepted
  | Unregistered
  | Rejected
  | CertificateRefused
  | NoCertificate
  | TooManyRequests
  | Transient;

/** Whether the same push may succeed later, with nothing changed on our side. */
export function isRetryable(outcome: PushOutcome): outcome is TooManyRequests | Transient {
  return outcome.kind === 'too-many-requests' || outcome.kind === 'transient';
}

/** Whether no push of this topic can succeed until somebody gives it another certificate. */
export function stopsTopic(outcome: PushOutcome): outcome is CertificateRefused | NoCertificate {
  return outcome.kind === 'certificate-refused' || outcome.kind === 'no-certificate';
}

/** Whether the outcome says that the device's token is of no use. */
export function isAboutToken(outcome: PushOutcome): boolean {
  return outcome.kind === 'unregistered' || outcome.kind === 'bad-device-token';
}

/** A transient outcome that did not come as an answer. */
export function transient(
  apnsId: string,
  reason: string,
  more: { readonly mayHaveArrived?: boolean; readonly retryAfter?: number } = {},
): Transient {
  const { mayHaveArrived = false, retryAfter = null } = more;
  return { kind: 'transient', status: null, reason, apnsId, retryAfter, mayHaveArrived };
}

/** The outcome of a push that is not sent because its topic's certificate is known to be refused. */
export function certificateRefused(
  apnsId: string,
  problem: CertificateProblem,
): CertificateRefused {
  return { kind: 'certificate-refused', status: null, reason: problem, apnsId, problem };
}
