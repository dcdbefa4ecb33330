import { randomUUID } from 'node:crypto';
import type { Keyring } from '../../secrets/keyring.ts';
import type { StoredCheckIn } from '../../store/check-ins/check-in-row.ts';
import type { Arrival } from './message.ts';

/** Where a check-in's sealed bytes are bound to. */
export function checkInPlace(id: string) {
  return { table: 'check_in', column: 'raw', row: id };
}

/** Where an enrolment's sealed values are bound to. */
export function enrollmentPlace(
  column: 'push_magic' | 'unlock_token' | 'bootstrap_token',
  enrollmentId: string,
) {
  return { table: 'enrollment', column, row: enrollmentId };
}

/** A check-in as it is kept: sealed, because most of them carry tokens. */
export function sealCheckIn(keyring: Keyring, arrival: Arrival): StoredCheckIn {
  const id = randomUUID();
  return {
    id,
    raw: keyring.seal(checkInPlace(id), arrival.body),
    urlParams: arrival.urlParams,
    traceId: arrival.traceId,
    at: arrival.at,
  };
}
