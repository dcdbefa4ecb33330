import { timingSafeEqual } from 'node:crypto';
import type { PoolClient } from 'pg';
import type { ChallengeUse, ChallengeVerdict, CheckChallenge } from '../../pki/scep-types.ts';
import {
  challengeUser,
  claimChallenge,
  countUse,
  type LockedInvitation,
  lockInvitation,
} from '../../store/enroll/challenge.ts';
import { lockStanding } from '../../store/enroll/issued.ts';
import { findProfileValues } from '../../store/enroll/profile-values.ts';
import { withTransaction } from '../../store/transaction.ts';
import { hashChallenge, splitChallenge } from './challenge-text.ts';
import type { EnrollContext } from './enroll-context.ts';
import { purposeHash, staticChallenge, writeGrant } from './grant.ts';
import type { WrongChallenges } from './wrong-challenges.ts';

/** What a text turned out to be the challenge of. */
interface Found {
  /** Null: of the settings. */
  readonly invitation: LockedInvitation | null;
  readonly valuesSha256: Buffer | null;
}

/**
 * Checks and uses challenges: those of invitations, and the one of the settings. All of it is one
 * transaction, in which the invitation's row decides who is first.
 */
export function createChallengeCheck(ctx: EnrollContext, wrong: WrongChallenges): CheckChallenge {
  return async (use) => {
    const address = use.from ?? '';
    const found = await withTransaction(ctx.graph, async (client) => {
      const known = await find(ctx, client, use.challenge ?? '', !wrong.tooMany(address));
      return known === null ? null : decide(client, use, known);
    });
    if (found !== null) return found;
    if (use.challenge !== null) wrong.count(address);
    return { outcome: 'refused', reason: use.challenge === null ? 'missing' : 'unknown' };
  };
}

async function find(
  { enroll }: EnrollContext,
  client: PoolClient,
  text: string,
  takesStatic: boolean,
): Promise<Found | null> {
  const forms = [{ challenge: text, reference: null }, splitChallenge(text)];
  for (const form of forms) {
    if (form === null || form.challenge === '') continue;
    const hash = hashChallenge(form.challenge);
    const invitation = await lockInvitation(client, hash);
    const isStatic =
      takesStatic &&
      enroll.scepChallenge !== null &&
      timingSafeEqual(hash, hashChallenge(enroll.scepChallenge));
    if (invitation === null && !isStatic) continue;
    const valuesSha256 = form.reference && (await findProfileValues(client, form.reference));
    return { invitation, valuesSha256 };
  }
  return null;
}

async function decide(
  client: PoolClient,
  { transactionId, publicKeySha256, at }: ChallengeUse,
  { invitation, valuesSha256 }: Found,
): Promise<ChallengeVerdict> {
  if (invitation?.revoked) return refused('revoked');
  if (invitation !== null && at > invitation.expiresAt) return refused('expired');
  const challenge = invitation?.id ?? staticChallenge;
  const before = await challengeUser(client, { challenge, transactionId });
  if (before !== null && !before.equals(publicKeySha256)) return refused('other-key');
  if (before === null) {
    if (invitation !== null && (invitation.usesLeft ?? 1) <= 0) return refused('used');
    const user = await claimChallenge(client, { challenge, transactionId, publicKeySha256, at });
    if (!user.equals(publicKeySha256)) return refused('other-key');
    if (invitation !== null) await countUse(client, invitation.id, at);
  }
  const purpose = purposeHash({ challenge, transactionId, publicKeySha256, renewalOf: null });
  const standing = await lockStanding(client, purpose);
  return standing !== null && !standing.revoked && standing.notAfter >= at
    ? { outcome: 'already', certificate: standing.certificate }
    : { outcome: 'granted', grant: writeGrant({ challenge, valuesSha256 }) };
}

function refused(reason: string): ChallengeVerdict {
  return { outcome: 'refused', reason };
}
