import type { Pool } from 'pg';
import {
  authenticateNewDevice,
  authenticateTogether,
  type NewDevice,
  type NewDeviceOutcome,
} from '../check-ins/authenticate-new.ts';
import {
  type TokenUpdateRow,
  updateToken,
  updateTokensTogether,
} from '../check-ins/update-token.ts';
import { isUnavailable } from '../unavailable.ts';
import { type IdleAnswer, type Poll, idle, idleTogether } from './idle.ts';
import { naturalBatch } from './natural-batch.ts';
import { notNow } from './not-now.ts';
import { type ReportAnswer, type ReportInput, report, reportTogether } from './report.ts';

/** Bytes of a message from which it goes alone: it would only hold up its neighbours. */
const largeMessage = 64 * 1024;

/** What devices ask most, alone or by the thousand: one statement each, or one for many that ask at the same moment. */
export interface HotPath {
  /** See `idle`. */
  idle(poll: Poll): Promise<IdleAnswer | null>;
  /** See `report`. */
  report(input: ReportInput): Promise<ReportAnswer | null>;
  /** See `notNow`. */
  notNow(input: ReportInput): Promise<ReportAnswer | null>;
  /** See `authenticateNewDevice`. */
  authenticateNew(device: NewDevice): Promise<NewDeviceOutcome>;
  /** See `updateToken`. */
  updateToken(row: TokenUpdateRow): Promise<string | null>;
}

/** Opens the hot path on the devices' pool. */
export function openHotPath(pool: Pool): HotPath {
  return {
    idle: naturalBatch({
      together: (polls) => idleTogether(pool, polls),
      alone: (poll) => idle(pool, poll),
      keyOf: ({ enrollmentId }) => enrollmentId,
      isShared: isUnavailable,
    }),
    report: naturalBatch({
      together: (inputs) => reportTogether(pool, inputs),
      alone: (input) => report(pool, input),
      keyOf: ({ enrollmentId }) => enrollmentId,
      isLarge: ({ size }) => size > largeMessage,
      isShared: isUnavailable,
    }),
    authenticateNew: naturalBatch({
      together: (devices) => authenticateTogether(pool, devices),
      alone: (device) => authenticateNewDevice(pool, device),
      keyOf: ({ id }) => id,
      isLarge: ({ message }) => message.raw.length > largeMessage,
      isShared: isUnavailable,
    }),
    updateToken: naturalBatch({
      together: (rows) => updateTokensTogether(pool, rows),
      alone: (row) => updateToken(pool, row),
      keyOf: ({ id }) => id,
      isLarge: ({ message }) => message.raw.length > largeMessage,
      isShared: isUnavailable,
    }),
    notNow: (input) => notNow(pool, input),
  };
}
