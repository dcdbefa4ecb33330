import type { TenantId } from '../../model/viewer.ts';

/** An enrolment to be pushed to, claimed by us: nobody else pushes to it for now. */
export interface ClaimedPush {
  readonly enrollmentKey: string;
  readonly enrollmentId: string;
  readonly tenantId: TenantId;
  /** Names this claim among all of the enrolment's: its time, to the database's precision. */
  readonly claim: string;
  readonly topic: string | null;
  readonly token: Buffer | null;
  /** Sealed. */
  readonly pushMagic: Buffer | null;
  /** What Apple says of the token counts only if it is later than this. */
  readonly tokenUpdatedAt: Date | null;
  /** The same, to the database's precision: names the TokenUpdate that the push goes by. */
  readonly tokenUpdate: string | null;
  /** Version of the topic's push certificate now; null: there is none. */
  readonly certificateVersion: number | null;
  /** Why Apple does not take that certificate; null: as far as we know it does. */
  readonly topicStopped: string | null;
  /** Times that this push was tried already. */
  readonly attempts: number;
  /** What Apple said of the very token before, if that makes another push pointless. */
  readonly deadToken: string | null;
}

/**
 * A claim ends by itself after this many seconds unless it is kept or the outcome is stored: that of a
 * process that died is taken up by others then.
 */
export const claimSeconds = 60;

/** Pushes to one enrolment are at least this far apart; what is asked for in between goes together. */
export const quietSeconds = 1;

/** What a `ClaimedPush` is read by, from `enrollment e`, `push_state s` and `push_certificate p`. */
export const claimColumns = `
  e.key as "enrollmentKey", e.id as "enrollmentId", e.tenant_id as "tenantId", e.topic,
  s.claimed_at::text as claim, e.push_token as token, e.push_magic as "pushMagic",
  e.token_updated_at as "tokenUpdatedAt", e.token_updated_at::text as "tokenUpdate",
  p.version as "certificateVersion",
  case when p.stopped_at is not null then p.stopped_reason end as "topicStopped",
  case when s.outcome in ('UNREGISTERED', 'BAD_DEVICE_TOKEN')
    and s.token_updated_at is not distinct from e.token_updated_at then s.outcome end as "deadToken"`;

/** Whether Apple has asked for time before the next push to `push_state s`, and it is not over. */
export const toldToWait = `(s.outcome is not distinct from 'TOO_MANY_REQUESTS'
  and s.outcome_at >= s.claimed_at and s.retry_at is not null and s.retry_at > now())`;
