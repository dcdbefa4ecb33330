import type { EventType } from './events.ts';

/** What an event may link to beside what its own fields name. */
export type EventLink = 'enrollment' | 'command' | 'result' | 'job';

/**
 * Which links each kind of event can have. One that is listed may still be null: the event is about many
 * at once, or what it links to is no longer kept.
 */
export const eventLinks: Readonly<Record<EventType, readonly EventLink[]>> = {
  EnrollmentAuthenticated: ['enrollment'],
  EnrollmentReEnrolled: ['enrollment'],
  EnrollmentTokenUpdated: ['enrollment'],
  EnrollmentCheckedOut: ['enrollment'],
  EnrollmentReEnabled: ['enrollment'],
  EnrollmentMigrated: ['enrollment', 'job'],
  EnrollmentTagsChanged: ['enrollment'],
  EnrollmentNotesChanged: ['enrollment'],
  UnenrollRequested: ['enrollment'],
  EnrollmentIdle: ['enrollment'],
  EnrollmentMoved: ['enrollment'],
  CertificateReplaced: ['enrollment'],
  UserAuthenticateReceived: ['enrollment'],
  BootstrapTokenSet: ['enrollment'],
  BootstrapTokenRequested: ['enrollment'],
  DeclarativeManagementReceived: ['enrollment'],
  GetTokenReceived: ['enrollment'],
  CommandEnqueued: ['command'],
  CommandAnswered: ['enrollment', 'command', 'result'],
  CommandNotNow: ['enrollment', 'command'],
  CommandEnded: ['enrollment', 'command', 'result'],
  CommandPriorityChanged: ['command'],
  StrayReportReceived: ['enrollment'],
  InventoryChanged: ['enrollment', 'command', 'result'],
  PushAccepted: ['enrollment', 'job'],
  PushFailed: ['enrollment', 'job'],
  PushTopicStopped: [],
  PushCertificateUploaded: [],
  PushCertificateExpiring: [],
  PushCertificateExpired: [],
  CertificateIssued: [],
  CertificateRevoked: [],
  CertificateRenewalFailed: ['enrollment', 'command'],
  DeviceCertificateEnded: ['enrollment'],
  EnrollmentProfileRecorded: [],
  DeviceAuthorityAdded: [],
  EnrollmentInvitationCreated: [],
  EnrollmentInvitationRevoked: [],
  JobProgressed: ['job'],
};
