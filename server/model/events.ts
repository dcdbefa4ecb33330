import type { TenantId } from './viewer.ts';

/**
 * Every kind of event. The names are the GraphQL types' too (with `Event` behind), so they are never
 * changed, only added to.
 */
export const eventTypes = [
  'EnrollmentAuthenticated',
  'EnrollmentReEnrolled',
  'EnrollmentTokenUpdated',
  'EnrollmentCheckedOut',
  'EnrollmentReEnabled',
  'EnrollmentMigrated',
  'EnrollmentTagsChanged',
  'EnrollmentNotesChanged',
  'UnenrollRequested',
  'EnrollmentIdle',
  'EnrollmentMoved',
  'CertificateReplaced',
  'UserAuthenticateReceived',
  'BootstrapTokenSet',
  'BootstrapTokenRequested',
  'DeclarativeManagementReceived',
  'GetTokenReceived',
  'CommandEnqueued',
  'CommandAnswered',
  'CommandNotNow',
  'CommandEnded',
  'CommandPriorityChanged',
  'StrayReportReceived',
  'InventoryChanged',
  'PushAccepted',
  'PushFailed',
  'PushTopicStopped',
  'PushCertificateUploaded',
  'PushCertificateExpiring',
  'PushCertificateExpired',
  'CertificateIssued',
  'CertificateRevoked',
  'CertificateRenewalFailed',
  'DeviceCertificateEnded',
  'EnrollmentProfileRecorded',
  'DeviceAuthorityAdded',
  'EnrollmentInvitationCreated',
  'EnrollmentInvitationRevoked',
  'JobProgressed',
] as const;

export type EventType = (typeof eventTypes)[number];

/** Small JSON that an event carries so that a replay needs no look-up. At most 1 KB. */
export type EventData = Readonly<
  Record<string, string | number | boolean | null | readonly string[]>
>;

/** An event as readers get it: numbered, and with the natural keys of what it is about. */
export interface NumberedEvent {
  /** Its place in the one order that all readers see. */
  readonly seq: bigint;
  /** Its identity: never changes, also not for another reader. */
  readonly id: bigint;
  readonly type: EventType;
  readonly tenantId: TenantId;
  readonly at: Date;
  readonly traceId: string | null;
  readonly actor: string | null;
  readonly enrollmentKey: bigint | null;
  readonly enrollmentId: string | null;
  readonly commandKey: bigint | null;
  readonly commandUuid: string | null;
  readonly checkInId: string | null;
  readonly jobId: string | null;
  readonly data: EventData;
}

/** Which events a subscriber wants; an absent member means any. All that are given must hold. */
export interface EventFilter {
  readonly types?: ReadonlySet<EventType>;
  readonly enrollmentIds?: ReadonlySet<string>;
  readonly commandUuids?: ReadonlySet<string>;
  readonly jobIds?: ReadonlySet<string>;
}
