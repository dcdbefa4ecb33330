import type { EventItem } from '../server/events/live-item.ts';
import { builder } from './builder.ts';
import { checkInLink, Event, eventTypeName, flagOf, intOf, textOf } from './event.ts';

const topic = {
  nullable: true,
  description: 'The topic it is pushed on, as the message says.',
  resolve: textOf('topic'),
} as const;

const certificateSha256 = {
  nullable: true,
  description: "SHA-256 of the device's certificate, hexadecimal.",
  resolve: textOf('certificateSha256'),
} as const;

export const EnrollmentAuthenticated = builder
  .objectRef<EventItem>(eventTypeName('EnrollmentAuthenticated'))
  .implement({
    description: 'A device began to enrol (Authenticate).',
    interfaces: [Event],
    fields: (t) => ({
      checkIn: t.field(checkInLink),
      isNew: t.boolean({
        nullable: true,
        description: 'Whether the device was never seen before.',
        resolve: flagOf('new'),
      }),
      renewal: t.boolean({
        description: 'Whether it only renewed the profile that enrols it.',
        resolve: (item) => flagOf('renewal')(item) ?? false,
      }),
      topic: t.string(topic),
      serialNumber: t.string({
        nullable: true,
        description: 'Serial number.',
        resolve: textOf('serialNumber'),
      }),
      certificateSha256: t.string(certificateSha256),
    }),
  });

export const EnrollmentReEnrolled = builder
  .objectRef<EventItem>(eventTypeName('EnrollmentReEnrolled'))
  .implement({
    description: 'A known device enrols anew; what waited for it has ended.',
    interfaces: [Event],
    fields: (t) => ({
      certificateSha256: t.string(certificateSha256),
      previousCertificateSha256: t.string({
        nullable: true,
        description: 'SHA-256 of the certificate of its enrolment before, hexadecimal.',
        resolve: textOf('previousCertificateSha256'),
      }),
    }),
  });

export const EnrollmentTokenUpdated = builder
  .objectRef<EventItem>(eventTypeName('EnrollmentTokenUpdated'))
  .implement({
    description: 'An enrolment sent new push data (TokenUpdate) and is enabled.',
    interfaces: [Event],
    fields: (t) => ({
      checkIn: t.field(checkInLink),
      tokenUpdateTally: t.int({
        nullable: true,
        description: 'How many it has sent since it enrolled; 1: it has just enrolled.',
        resolve: intOf('tokenUpdateTally'),
      }),
      topic: t.string(topic),
      awaitingConfiguration: t.boolean({
        nullable: true,
        description: 'Whether it waits in Setup Assistant until it is told to go on.',
        resolve: flagOf('awaitingConfiguration'),
      }),
      newlyEnabled: t.boolean({
        nullable: true,
        description: 'Whether it was not enabled before.',
        resolve: flagOf('newlyEnabled'),
      }),
    }),
  });

export const EnrollmentCheckedOut = builder
  .objectRef<EventItem>(eventTypeName('EnrollmentCheckedOut'))
  .implement({
    description: 'An enrolment said that it is no longer managed (CheckOut).',
    interfaces: [Event],
    fields: (t) => ({
      checkIn: t.field(checkInLink),
      channels: t.int({
        nullable: true,
        description: "How many channels were disabled by it: with a device, its users' too.",
        resolve: intOf('channels'),
      }),
    }),
  });

export const EnrollmentReEnabled = builder
  .objectRef<EventItem>(eventTypeName('EnrollmentReEnabled'))
  .implement({
    description: 'A device whose new enrolment came to nothing is managed again as before.',
    interfaces: [Event],
    fields: (t) => ({
      reason: t.string({
        nullable: true,
        description: 'Why, such as `RE_ENROLLMENT_FAILED`.',
        resolve: textOf('reason'),
      }),
    }),
  });

export const EnrollmentIdle = builder
  .objectRef<EventItem>(eventTypeName('EnrollmentIdle'))
  .implement({
    description:
      'It polled with nothing to report. Only with `--idle-events`, at most so often for each enrolment, ' +
      'and some seconds late: events of what it did right after may come before.',
    interfaces: [Event],
  });

export const EnrollmentMigrated = builder
  .objectRef<EventItem>(eventTypeName('EnrollmentMigrated'))
  .implement({
    description:
      'An import made or changed an enrolment. Its history elsewhere has no events here; this is all.',
    interfaces: [Event],
    fields: (t) => ({
      isNew: t.boolean({
        nullable: true,
        description: 'Whether it was not here before.',
        resolve: flagOf('new'),
      }),
      enabled: t.boolean({
        nullable: true,
        description: 'Whether it is enabled now.',
        resolve: flagOf('enabled'),
      }),
    }),
  });

export const UnenrollRequested = builder
  .objectRef<EventItem>(eventTypeName('UnenrollRequested'))
  .implement({
    description: 'Somebody asked for a device to be told to un-enrol at its next contact.',
    interfaces: [Event],
    fields: (t) => ({
      method: t.string({
        nullable: true,
        description: 'How it is told: `UNRECOGNIZED_DEVICE` or `UNAUTHORIZED`.',
        resolve: textOf('method'),
      }),
    }),
  });

export const CertificateReplaced = builder
  .objectRef<EventItem>(eventTypeName('CertificateReplaced'))
  .implement({
    description: 'A device signs with a new certificate from now on.',
    interfaces: [Event],
    fields: (t) => ({
      certificateSha256: t.string(certificateSha256),
      replacedCertificateSha256: t.string({
        nullable: true,
        description: 'SHA-256 of the certificate that it signed with before, hexadecimal.',
        resolve: textOf('replacedCertificateSha256'),
      }),
    }),
  });

export const EnrollmentMoved = builder
  .objectRef<EventItem>(eventTypeName('EnrollmentMoved'))
  .implement({
    description:
      'A device was moved to another tenant. Told twice: in the tenant that it leaves, and in its new one.',
    interfaces: [Event],
    fields: (t) => ({
      arrived: t.boolean({
        description: 'Whether it came to this tenant; false: it left it.',
        resolve: (item) => flagOf('arrived')(item) ?? false,
      }),
    }),
  });
