import type { EventItem } from '../server/events/live-item.ts';
import { builder } from './builder.ts';
import { Event, eventTypeName, intOf, momentOf, textOf } from './event.ts';

export const CertificateRenewalFailed = builder
  .objectRef<EventItem>(eventTypeName('CertificateRenewalFailed'))
  .implement({
    description:
      "A try to renew a device's certificate came to nothing. `certificateRenewals` lists it.",
    interfaces: [Event],
    fields: (t) => ({
      reason: t.string({
        nullable: true,
        description: 'Why: ANSWERED_ERROR, UNANSWERED, NOT_TAKEN, CANCELLED, …',
        resolve: textOf('reason'),
      }),
      attempts: t.int({
        nullable: true,
        description: 'How often the device was asked.',
        resolve: intOf('attempts'),
      }),
      retryAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'When it is asked again.',
        resolve: momentOf('retryAt'),
      }),
    }),
  });

export const DeviceCertificateEnded = builder
  .objectRef<EventItem>(eventTypeName('DeviceCertificateEnded'))
  .implement({
    description:
      "A device's certificate has ended before it was renewed: the device has to enrol anew.",
    interfaces: [Event],
    fields: (t) => ({
      certificateSha256: t.string({
        nullable: true,
        description: 'SHA-256 of the certificate, hexadecimal.',
        resolve: textOf('certificateSha256'),
      }),
    }),
  });

export const EnrollmentProfileRecorded = builder
  .objectRef<EventItem>(eventTypeName('EnrollmentProfileRecorded'))
  .implement({
    description: 'Somebody supplied the profile that devices were enrolled with.',
    interfaces: [Event],
    fields: (t) => ({
      topic: t.string({
        nullable: true,
        description: 'The topic that it names.',
        resolve: textOf('topic'),
      }),
      recordedCount: t.int({
        nullable: true,
        description: 'For how many devices.',
        resolve: intOf('recordedCount'),
      }),
    }),
  });
