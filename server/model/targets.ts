import type { EnrollmentKind } from './enrollment.ts';

/** How pushing to an enrolment stands, in a word. */
export type PushStateName =
  | 'UNKNOWN'
  | 'PENDING'
  | 'ACCEPTED'
  | 'RETRYING'
  | 'UNAVAILABLE'
  | 'UNREGISTERED'
  | 'BAD_DEVICE_TOKEN'
  | 'DEVICE_TOKEN_NOT_FOR_TOPIC'
  | 'TOPIC_DISALLOWED'
  | 'CERTIFICATE_REFUSED'
  | 'NO_CERTIFICATE'
  | 'NO_PUSH_DATA'
  | 'REJECTED';

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
  /** How its id, its device's serial number or its device's name begins. */
  readonly search?: string;
  /**
   * The text of `search`, of three characters or more, may stand anywhere in these: for databases with an
   * index for that. A flag, so that whoever does not know it finds fewer and never all.
   */
  readonly inside?: true;
  readonly models?: readonly string[];
  /** Compared by their numbers; one that is unknown is in no range. */
  readonly osVersion?: { readonly atLeast?: string; readonly below?: string };
  /** To the hour: last heard before the hour of this time, or never. ISO 8601, as all times here. */
  readonly lastSeenBefore?: string;
  /** To the hour: heard in the hour of this time or since. */
  readonly lastSeenAfter?: string;
  readonly enrolledBefore?: string;
  readonly enrolledAfter?: string;
  /** The certificate that it signs with ends before this time. */
  readonly certificateExpiresBefore?: string;
  /** A command of one of these types waits for it. */
  readonly pendingCommands?: readonly string[];
  readonly pushStates?: readonly PushStateName[];
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
