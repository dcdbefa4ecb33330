import type { EventItem } from '../server/events/live-item.ts';
import { builder } from './builder.ts';
import { Event, eventTypeName, intOf, textOf } from './event.ts';
import { linkPushCertificate, PushCertificate } from './push-certificate.ts';

/** What all of these events show, for the builder of each one's fields. */
const AboutPushCertificate = builder.interfaceRef<EventItem>('PushCertificateEvent').implement({
  description: 'Something that happened to a push certificate.',
  interfaces: [Event],
  resolveType: ({ event }) => eventTypeName(event.type),
  fields: (t) => ({
    topic: t.string({ nullable: true, description: 'Its topic.', resolve: textOf('topic') }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it ends, or ended.',
      resolve: (item) => {
        const text = textOf('expiresAt')(item);
        return text === null ? null : new Date(text);
      },
    }),
    pushCertificate: t.prismaField({
      type: PushCertificate,
      nullable: true,
      description: 'The certificate of the topic now; null for a token without push:read.',
      resolve: (query, item, _args, context) =>
        linkPushCertificate(context, textOf('topic')(item), query),
    }),
  }),
});

const interfaces = [Event, AboutPushCertificate];

export const PushCertificateUploaded = builder
  .objectRef<EventItem>(eventTypeName('PushCertificateUploaded'))
  .implement({
    description:
      'A push certificate was uploaded: pushes on its topic are sent with it from now on.',
    interfaces,
    fields: (t) => ({
      version: t.int({
        nullable: true,
        description: 'How many certificates the topic has had; 1: it is new.',
        resolve: intOf('version'),
      }),
    }),
  });

export const PushCertificateExpiring = builder
  .objectRef<EventItem>(eventTypeName('PushCertificateExpiring'))
  .implement({
    description:
      'A push certificate comes near its end. Told once each at 30, 14, 7 days and 1 day before.',
    interfaces,
    fields: (t) => ({
      withinDays: t.int({
        nullable: true,
        description: 'Within how many days it ends: 30, 14, 7 or 1.',
        resolve: intOf('days'),
      }),
    }),
  });

export const PushCertificateExpired = builder
  .objectRef<EventItem>(eventTypeName('PushCertificateExpired'))
  .implement({
    description: 'A push certificate has ended: Apple takes no more pushes on its topic.',
    interfaces,
  });
