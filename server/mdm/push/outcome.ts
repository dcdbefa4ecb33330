import type { PushOutcome } from '../../apns/outcome.ts';
import type { ClaimedPush } from '../../store/push/claimed-push.ts';
import type { PushOutcomeRow } from '../../store/push/outcomes.ts';

/** Seconds until a push that failed for the moment is tried again: 30 s, 2 min, 8 min, 30 min. */
const retryDelays = [30, 120, 480, 1_800];

/** What is kept of a push that was never sent, for a reason of our own. */
export function unsent(push: ClaimedPush, outcome: string, reason: string): PushOutcomeRow {
  return {
    push,
    outcome,
    reason,
    status: null,
    apnsId: null,
    attempts: push.attempts,
    retryInSeconds: null,
  };
}

/** Whether a push neither was taken nor will be tried again by itself. */
export function isFailure(row: PushOutcomeRow): boolean {
  return row.outcome !== 'ACCEPTED' && row.retryInSeconds === null;
}

/**
 * What is kept of Apple's answer. A 410 is about the past: when the device has sent its token anew since
 * then, it says nothing of it, and the push is tried again.
 * @param random 0 to 1, spreads what failed together
 */
export function outcomeRow(
  push: ClaimedPush,
  outcome: PushOutcome,
  random: () => number,
): PushOutcomeRow {
  const attempts = push.attempts + 1;
  const row = (name: string, retryInSeconds: number | null): PushOutcomeRow => ({
    push,
    outcome: name,
    reason: outcome.kind === 'accepted' ? null : outcome.reason,
    status: outcome.status,
    apnsId: outcome.apnsId,
    attempts,
    retryInSeconds,
  });
  switch (outcome.kind) {
    case 'accepted':
      return { ...row('ACCEPTED', null), attempts: 0 };
    case 'unregistered': {
      const { since } = outcome;
      const outdated =
        since !== null && push.tokenUpdatedAt !== null && since <= push.tokenUpdatedAt;
      return outdated ? row('OUTDATED', later(attempts, null, random)) : row('UNREGISTERED', null);
    }
    case 'bad-device-token':
      return row('BAD_DEVICE_TOKEN', null);
    case 'device-token-not-for-topic':
      return row('DEVICE_TOKEN_NOT_FOR_TOPIC', null);
    case 'topic-disallowed':
      return row('TOPIC_DISALLOWED', null);
    case 'certificate-refused':
      return row('CERTIFICATE_REFUSED', null);
    case 'no-certificate':
      return row('NO_CERTIFICATE', null);
    case 'rejected':
      return row('REJECTED', null);
    case 'too-many-requests':
      return row('TOO_MANY_REQUESTS', later(attempts, outcome.retryAfter, random));
    case 'transient':
      // We are going, and somebody else may do it at once.
      if (outcome.reason === 'stopping')
        return { ...row('UNAVAILABLE', 0), attempts: push.attempts };
      return row('UNAVAILABLE', later(attempts, outcome.retryAfter, random));
  }
}

/** @returns seconds, or null when it was tried often enough: the daily sweep comes by */
function later(attempts: number, retryAfter: number | null, random: () => number): number | null {
  const delay = retryDelays[attempts - 1];
  if (delay === undefined) return null;
  return Math.max(delay, (retryAfter ?? 0) / 1_000) * (0.75 + random() / 2);
}
