import type { EnrollmentOrderField, EnrollmentPosition } from '../../model/enrollment-order.ts';
import type { EnrollmentFilter } from '../../model/targets.ts';
import { hourOf, osVersionNumber } from './enrollment-columns.ts';

/** What a filter says of the value that the list is ordered by, as positions have it. */
export interface OrderedRange {
  /** What else it says. */
  readonly rest: EnrollmentFilter;
  readonly from: bigint | null;
  readonly below: bigint | null;
}

/** Takes the range of the order's value out of a filter. */
export function orderedRange(filter: EnrollmentFilter, field: EnrollmentOrderField): OrderedRange {
  if (field === 'ENROLLED_AT') {
    const { enrolledAfter, enrolledBefore, ...rest } = filter;
    return { rest, ...knownTimes(enrolledAfter, enrolledBefore) };
  }
  if (field === 'CERTIFICATE_EXPIRY') {
    const { certificateExpiresBefore, ...rest } = filter;
    return { rest, ...knownTimes(undefined, certificateExpiresBefore) };
  }
  if (field === 'LAST_SEEN') {
    const { lastSeenAfter, lastSeenBefore, ...rest } = filter;
    const hour = (time: string | undefined) =>
      time === undefined ? null : BigInt(hourOf(new Date(time)));
    return { rest, from: hour(lastSeenAfter), below: hour(lastSeenBefore) };
  }
  if (field === 'OS_VERSION' && filter.osVersion !== undefined) {
    const { osVersion, ...rest } = filter;
    const { atLeast, below } = osVersion;
    return {
      rest,
      from: BigInt(osVersionNumber(atLeast ?? '0')),
      below: below === undefined ? null : BigInt(osVersionNumber(below)),
    };
  }
  return { rest: filter, from: null, below: null };
}

/** A time that is not known is 0, and in no range. */
function knownTimes(after: string | undefined, before: string | undefined) {
  const microseconds = (time: string) => BigInt(Date.parse(time)) * 1_000n;
  const from = after === undefined ? 1n : microseconds(after);
  return {
    from: after === undefined && before === undefined ? null : from > 1n ? from : 1n,
    below: before === undefined ? null : microseconds(before),
  };
}

/** Of a cursor and a range, the narrower one. */
export interface Bound {
  readonly position: EnrollmentPosition | null;
  readonly value: bigint | null;
}

/**
 * The one bound at the lower end of a stretch. An index is read from one bound on: of two PostgreSQL may
 * take the wide one, and read all between it and the other.
 */
export function lowerBound(position: EnrollmentPosition | null, from: bigint | null): Bound {
  const isBehind = position !== null && from !== null && valueOf(position) < from;
  return position === null || isBehind
    ? { position: null, value: from }
    : { position, value: null };
}

/** The same at the upper end, which is not in the range. */
export function upperBound(position: EnrollmentPosition | null, below: bigint | null): Bound {
  const isBehind = position !== null && below !== null && valueOf(position) >= below;
  return position === null || isBehind
    ? { position: null, value: below }
    : { position, value: null };
}

function valueOf([value = '0']: EnrollmentPosition): bigint {
  return BigInt(value);
}
