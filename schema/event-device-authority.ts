import type { EventItem } from '../server/events/live-item.ts';
import { builder } from './builder.ts';
import { Event, eventTypeName, intOf, momentOf, textOf } from './event.ts';

export const DeviceAuthorityAdded = builder
  .objectRef<EventItem>(eventTypeName('DeviceAuthorityAdded'))
  .implement({
    description:
      'The device authority has a new certificate. The ones before stay trusted until they end.',
    interfaces: [Event],
    fields: (t) => ({
      generation: t.int({
        nullable: true,
        description: 'Its number.',
        resolve: intOf('generation'),
      }),
      certificateSha256: t.string({
        nullable: true,
        description: 'SHA-256 of the certificate, hexadecimal.',
        resolve: textOf('certificateSha256'),
      }),
      expiresAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'When it ends.',
        resolve: momentOf('expiresAt'),
      }),
    }),
  });

/** What events about an issued certificate show, for the builder of each one's fields. */
const AboutIssuedCertificate = builder.interfaceRef<EventItem>('IssuedCertificateEvent').implement({
  description: 'Something that happened to a certificate that the device authority issued.',
  interfaces: [Event],
  resolveType: ({ event }) => eventTypeName(event.type),
  fields: (t) => ({
    serialNumber: t.string({
      nullable: true,
      description: "The certificate's serial number, hexadecimal.",
      resolve: textOf('serialNumber'),
    }),
    certificateSha256: t.string({
      nullable: true,
      description: 'SHA-256 of the certificate, hexadecimal.',
      resolve: textOf('certificateSha256'),
    }),
  }),
});

export const CertificateIssued = builder
  .objectRef<EventItem>(eventTypeName('CertificateIssued'))
  .implement({
    description: 'The device authority issued a certificate. Its device may not have enrolled yet.',
    interfaces: [Event, AboutIssuedCertificate],
    fields: (t) => ({
      subject: t.string({
        nullable: true,
        description: 'Its subject, as RFC 4514 writes it; may be empty.',
        resolve: textOf('subject'),
      }),
      expiresAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'When it ends.',
        resolve: momentOf('expiresAt'),
      }),
      renewalOf: t.string({
        nullable: true,
        description: 'SHA-256 of the certificate that signed the request and is so renewed.',
        resolve: textOf('renewalOf'),
      }),
      invitationId: t.string({
        nullable: true,
        description: 'Natural id of the invitation whose challenge allowed it.',
        resolve: textOf('invitationId'),
      }),
    }),
  });

export const CertificateRevoked = builder
  .objectRef<EventItem>(eventTypeName('CertificateRevoked'))
  .implement({
    description:
      'A certificate was revoked: within seconds every process refuses what is signed with it.',
    interfaces: [Event, AboutIssuedCertificate],
    fields: (t) => ({
      reason: t.string({
        nullable: true,
        description: 'Why, as it was given.',
        resolve: textOf('reason'),
      }),
    }),
  });

/** What events about an invitation show, for the builder of each one's fields. */
const AboutInvitation = builder.interfaceRef<EventItem>('EnrollmentInvitationEvent').implement({
  description: 'Something that happened to an invitation.',
  interfaces: [Event],
  resolveType: ({ event }) => eventTypeName(event.type),
  fields: (t) => ({
    invitationId: t.string({
      nullable: true,
      description: 'Its natural id.',
      resolve: textOf('invitationId'),
    }),
  }),
});

export const EnrollmentInvitationCreated = builder
  .objectRef<EventItem>(eventTypeName('EnrollmentInvitationCreated'))
  .implement({
    description: 'An invitation was made: devices may enrol with its challenge.',
    interfaces: [Event, AboutInvitation],
    fields: (t) => ({
      useLimit: t.int({
        nullable: true,
        description: 'How many certificates it allows; null: no limit.',
        resolve: intOf('useLimit'),
      }),
      expiresAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'When it ends.',
        resolve: momentOf('expiresAt'),
      }),
    }),
  });

export const EnrollmentInvitationRevoked = builder
  .objectRef<EventItem>(eventTypeName('EnrollmentInvitationRevoked'))
  .implement({
    description: 'An invitation was ended before its time.',
    interfaces: [Event, AboutInvitation],
  });
