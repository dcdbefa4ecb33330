import type { EventItem } from '../server/events/live-item.ts';
import { builder } from './builder.ts';
import { checkInLink, Event, eventTypeName, flagOf, textOf } from './event.ts';

export const UserAuthenticateReceived = builder
  .objectRef<EventItem>(eventTypeName('UserAuthenticateReceived'))
  .implement({
    description: 'A user of a device asks to be managed (UserAuthenticate).',
    interfaces: [Event],
    fields: (t) => ({
      checkIn: t.field(checkInLink),
      step: t.string({
        nullable: true,
        description: '`REQUEST`, or `DIGEST` when it answers a challenge.',
        resolve: textOf('step'),
      }),
      declined: t.boolean({
        nullable: true,
        description: 'Whether the server declined to manage the user.',
        resolve: flagOf('declined'),
      }),
      userEnrollmentId: t.string({
        nullable: true,
        description: "Natural id of the user's channel, which may not exist yet.",
        resolve: textOf('userEnrollmentId'),
      }),
    }),
  });

export const BootstrapTokenSet = builder
  .objectRef<EventItem>(eventTypeName('BootstrapTokenSet'))
  .implement({
    description: 'A device left its bootstrap token, or took it back.',
    interfaces: [Event],
    fields: (t) => ({
      checkIn: t.field(checkInLink),
      cleared: t.boolean({
        nullable: true,
        description: 'Whether it took it back.',
        resolve: flagOf('cleared'),
      }),
    }),
  });

export const BootstrapTokenRequested = builder
  .objectRef<EventItem>(eventTypeName('BootstrapTokenRequested'))
  .implement({
    description: 'A device asked for its bootstrap token.',
    interfaces: [Event],
    fields: (t) => ({
      checkIn: t.field(checkInLink),
      found: t.boolean({
        nullable: true,
        description: 'Whether there was one.',
        resolve: flagOf('found'),
      }),
    }),
  });

export const DeclarativeManagementReceived = builder
  .objectRef<EventItem>(eventTypeName('DeclarativeManagementReceived'))
  .implement({
    description: 'A device asked for declarations, or told its status.',
    interfaces: [Event],
    fields: (t) => ({
      checkIn: t.field(checkInLink),
      endpoint: t.string({
        nullable: true,
        description: 'What it asked for, such as `tokens` or `status`.',
        resolve: textOf('endpoint'),
      }),
    }),
  });

export const GetTokenReceived = builder
  .objectRef<EventItem>(eventTypeName('GetTokenReceived'))
  .implement({
    description: "A device asked for one of Apple's services' tokens (GetToken).",
    interfaces: [Event],
    fields: (t) => ({
      checkIn: t.field(checkInLink),
      tokenServiceType: t.string({
        nullable: true,
        description: 'Which service, such as `com.apple.maid`.',
        resolve: textOf('tokenServiceType'),
      }),
    }),
  });
