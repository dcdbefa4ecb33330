import type { EnrollmentKind } from './enrollment.ts';

/** Which tags an enrolment has; all members that are given must hold. */
export interface TagFilter {
  /** At least one of these. */
  readonly any?: readonly string[];
  readonly all?: readonly string[];
  readonly none?: readonly string[];
}

/** Which enrolments: all members that are given must hold. Store compiles it to SQL, never to a list. */
export interface EnrollmentFilter {
  readonly and?: readonly EnrollmentFilter[];
  readonly or?: readonly EnrollmentFilter[];
  readonly not?: EnrollmentFilter;
  /** Enrolment ids, exactly. */
  readonly ids?: readonly string[];
  readonly kinds?: readonly EnrollmentKind[];
  readonly enabled?: boolean;
  readonly serialNumbers?: readonly string[];
  readonly topics?: readonly string[];
  readonly awaitingConfiguration?: boolean;
  /** A user channel is found by its own tags and by its device's. */
  readonly tags?: TagFilter;
}

/** Which channels of the devices found: `DEVICE` unless the caller says otherwise. */
export type Channels = 'DEVICE' | 'USER' | 'ALL';

/** What a bulk mutation works on. "All" has to be said; it is never the meaning of an empty filter. */
export type Targets =
  | { readonly ids: readonly string[] }
  | {
      readonly filter: EnrollmentFilter;
      readonly channels: Channels;
      /** Only those at which this command ended so. */
      readonly failedOf?: { readonly commandKey: string; readonly states: readonly FailedState[] };
    }
  | { readonly all: true; readonly channels: Channels };

/** How one target of a command stands. */
export const targetStates = [
  'PENDING',
  'NOT_NOW',
  'ACKNOWLEDGED',
  'ERROR',
  'REFUSED',
  'CANCELLED',
  'CLEARED',
  'EXPIRED',
  'UNENROLLED',
  'MOVED',
  'RE_ENROLLED',
] as const;

export type TargetState = (typeof targetStates)[number];

/** States of targets that a command can be sent to once more. */
export type FailedState = Exclude<TargetState, 'PENDING' | 'MOVED' | 'NOT_NOW' | 'ACKNOWLEDGED'>;
