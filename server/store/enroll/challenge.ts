import type { PoolClient } from 'pg';

/** An invitation as its challenge finds it; the row stays locked for the transaction. */
export interface LockedInvitation {
  readonly id: string;
  readonly expiresAt: Date;
  readonly revoked: boolean;
  /** How often it may still be used; null: as often as one likes. */
  readonly usesLeft: number | null;
}

/** Finds and locks the invitation that a challenge is of, so that devices that race for it take turns. */
export async function lockInvitation(
  client: PoolClient,
  challengeSha256: Buffer,
): Promise<LockedInvitation | null> {
  const { rows } = await client.query<{
    id: string;
    expires_at: Date;
    revoked: boolean;
    uses_left: number | null;
  }>({
    name: 'lock-invitation',
    text: `
select id, expires_at, revoked_at is not null as revoked, use_limit - use_count as uses_left
from enrollment_invitation where challenge_sha256 = $1 for update`,
    values: [challengeSha256],
  });
  const row = rows[0];
  if (row === undefined) return null;
  const { id, expires_at: expiresAt, revoked, uses_left: usesLeft } = row;
  return { id, expiresAt, revoked, usesLeft };
}

/** SHA-256 of the key that used a challenge in a transaction before; null: none has. */
export async function challengeUser(
  client: PoolClient,
  use: { readonly challenge: string; readonly transactionId: string },
): Promise<Buffer | null> {
  const { rows } = await client.query<{ public_key_sha256: Buffer }>({
    name: 'challenge-user',
    text: 'select public_key_sha256 from challenge_use where challenge = $1 and transaction_id = $2',
    values: [use.challenge, use.transactionId],
  });
  return rows[0]?.public_key_sha256 ?? null;
}

/**
 * Notes that a key uses a challenge in a transaction.
 * @returns SHA-256 of the key that has it: this one, or one that was faster
 */
export async function claimChallenge(
  client: PoolClient,
  use: {
    readonly challenge: string;
    readonly transactionId: string;
    readonly publicKeySha256: Buffer;
    readonly at: Date;
  },
): Promise<Buffer> {
  // The update changes nothing: it waits for a rival's transaction and then shows its row.
  const { rows } = await client.query<{ public_key_sha256: Buffer }>({
    name: 'claim-challenge',
    text: `
insert into challenge_use as stored (challenge, transaction_id, public_key_sha256, used_at)
values ($1, $2, $3, $4)
on conflict (challenge, transaction_id) do update set used_at = stored.used_at
returning public_key_sha256`,
    values: [use.challenge, use.transactionId, use.publicKeySha256, use.at],
  });
  const row = rows[0];
  if (row === undefined) throw new Error('a use of a challenge vanished while it was written');
  return row.public_key_sha256;
}

/** Counts a use of an invitation. */
export async function countUse(client: PoolClient, invitationId: string, at: Date): Promise<void> {
  await client.query({
    name: 'count-use',
    text: `
update enrollment_invitation set use_count = use_count + 1, last_used_at = $2 where id = $1`,
    values: [invitationId, at],
  });
}
