import type { CheckpointItem, EventItem, LiveItem } from '../server/events/live-item.ts';
import { ValidationError } from '../server/model/errors.ts';
import type { EventFilter, EventType } from '../server/model/events.ts';
import { builder } from './builder.ts';
import type { GraphContext } from './context.ts';
import { enrollmentIdOf } from './enrollment-id.ts';
import { Checkpoint, EventTypeEnum, eventTypeName } from './event.ts';
import {
  BootstrapTokenRequested,
  BootstrapTokenSet,
  DeclarativeManagementReceived,
  GetTokenReceived,
  UserAuthenticateReceived,
} from './event-check-in.ts';
import {
  CommandAnswered,
  CommandEnded,
  CommandEnqueued,
  CommandNotNow,
  CommandPriorityChanged,
  StrayReportReceived,
} from './event-command.ts';
import {
  CertificateIssued,
  CertificateRevoked,
  DeviceAuthorityAdded,
  EnrollmentInvitationCreated,
  EnrollmentInvitationRevoked,
} from './event-device-authority.ts';
import {
  CertificateReplaced,
  EnrollmentAuthenticated,
  EnrollmentCheckedOut,
  EnrollmentMigrated,
  EnrollmentMoved,
  EnrollmentReEnabled,
  EnrollmentIdle,
  UnenrollRequested,
  EnrollmentReEnrolled,
  EnrollmentTokenUpdated,
} from './event-enrollment.ts';
import { EnrollmentNotesChanged, EnrollmentTagsChanged } from './event-enrollment-record.ts';
import {
  PushCertificateExpired,
  PushCertificateExpiring,
  PushCertificateUploaded,
} from './event-push-certificate.ts';
import {
  CertificateRenewalFailed,
  DeviceCertificateEnded,
  EnrollmentProfileRecorded,
} from './event-renewal.ts';
import { InventoryChanged } from './event-inventory.ts';
import { JobProgressed, PushAccepted, PushFailed, PushTopicStopped } from './event-push.ts';
import { isUuid, jobIdOf } from './job.ts';
import { liveStream, type StreamEnd } from './live-stream.ts';

type Maybe<T> = T | null | undefined;

const EventStreamItem = builder.unionType('EventStreamItem', {
  description: 'What `events` yields.',
  types: [
    EnrollmentAuthenticated,
    EnrollmentReEnrolled,
    EnrollmentTokenUpdated,
    EnrollmentCheckedOut,
    EnrollmentMigrated,
    EnrollmentMoved,
    EnrollmentReEnabled,
    EnrollmentTagsChanged,
    EnrollmentNotesChanged,
    UnenrollRequested,
    EnrollmentIdle,
    CertificateReplaced,
    CertificateRenewalFailed,
    DeviceCertificateEnded,
    EnrollmentProfileRecorded,
    UserAuthenticateReceived,
    BootstrapTokenSet,
    BootstrapTokenRequested,
    DeclarativeManagementReceived,
    GetTokenReceived,
    CommandEnqueued,
    CommandAnswered,
    CommandNotNow,
    CommandEnded,
    CommandPriorityChanged,
    StrayReportReceived,
    InventoryChanged,
    PushAccepted,
    PushFailed,
    PushTopicStopped,
    PushCertificateUploaded,
    PushCertificateExpiring,
    PushCertificateExpired,
    CertificateIssued,
    CertificateRevoked,
    DeviceAuthorityAdded,
    EnrollmentInvitationCreated,
    EnrollmentInvitationRevoked,
    JobProgressed,
    Checkpoint,
  ],
  resolveType: typeNameOf,
});

const CommandResultStreamItem = builder.unionType('CommandResultStreamItem', {
  description: 'What `commandResults` yields.',
  types: [CommandAnswered, CommandNotNow, CommandEnded, Checkpoint],
  resolveType: typeNameOf,
});

const resultTypes: ReadonlySet<EventType> = new Set([
  'CommandAnswered',
  'CommandNotNow',
  'CommandEnded',
]);

const EnrollmentStreamItem = builder.unionType('EnrollmentStreamItem', {
  description: 'What `enrollmentChanged` yields.',
  types: [
    EnrollmentAuthenticated,
    EnrollmentReEnrolled,
    EnrollmentTokenUpdated,
    EnrollmentCheckedOut,
    EnrollmentReEnabled,
    EnrollmentMigrated,
    EnrollmentMoved,
    EnrollmentTagsChanged,
    EnrollmentNotesChanged,
    UnenrollRequested,
    CertificateReplaced,
    CertificateRenewalFailed,
    DeviceCertificateEnded,
    EnrollmentProfileRecorded,
    BootstrapTokenSet,
    InventoryChanged,
    Checkpoint,
  ],
  resolveType: typeNameOf,
});

/** What changes a field of an enrolment that the graph shows; being heard alone (`EnrollmentIdle`) does not. */
const enrollmentTypes: ReadonlySet<EventType> = new Set([
  'EnrollmentAuthenticated',
  'EnrollmentReEnrolled',
  'EnrollmentTokenUpdated',
  'EnrollmentCheckedOut',
  'EnrollmentReEnabled',
  'EnrollmentMigrated',
  'EnrollmentMoved',
  'EnrollmentTagsChanged',
  'EnrollmentNotesChanged',
  'UnenrollRequested',
  'CertificateReplaced',
  'CertificateRenewalFailed',
  'DeviceCertificateEnded',
  'EnrollmentProfileRecorded',
  'BootstrapTokenSet',
  'InventoryChanged',
]);

const PushOutcomeStreamItem = builder.unionType('PushOutcomeStreamItem', {
  description: 'What `pushOutcomes` yields.',
  types: [PushAccepted, PushFailed, Checkpoint],
  resolveType: typeNameOf,
});

const pushTypes: ReadonlySet<EventType> = new Set(['PushAccepted', 'PushFailed']);

const JobStreamItem = builder.unionType('JobStreamItem', {
  description: 'What `jobProgress` yields.',
  types: [JobProgressed, Checkpoint],
  resolveType: typeNameOf,
});

const jobTypes: ReadonlySet<EventType> = new Set(['JobProgressed']);

const EventFilterInput = builder.inputType('EventFilterInput', {
  description: 'Which events: every member that is given must hold; an absent one means any.',
  fields: (t) => ({
    types: t.field({ type: [EventTypeEnum], description: 'Of one of these kinds.' }),
    enrollments: t.idList({ description: 'About one of these enrolments: natural or global ids.' }),
    commands: t.stringList({ description: 'About one of these commands: their CommandUUIDs.' }),
  }),
});

const CommandResultFilterInput = builder.inputType('CommandResultFilterInput', {
  description: 'Which results: every member that is given must hold; an absent one means any.',
  fields: (t) => ({
    enrollments: t.idList({ description: 'Of one of these enrolments: natural or global ids.' }),
    commands: t.stringList({ description: 'Of one of these commands: their CommandUUIDs.' }),
  }),
});

const EnrollmentChangeFilterInput = builder.inputType('EnrollmentChangeFilterInput', {
  description: 'Which changes; an absent member means any.',
  fields: (t) => ({
    enrollments: t.idList({
      description:
        'Of one of these enrolments: natural or global ids. Events that tell of many at once name none of ' +
        'them, so they come only without this.',
    }),
  }),
});

const afterDescription =
  'Go on behind this cursor, of any event, checkpoint, `eventCursor` or mutation. `EARLIEST`: from ' +
  'the oldest that is kept. Absent: from now.';

builder.subscriptionType({ description: 'What happens, as it happens, by WebSocket or SSE.' });

builder.subscriptionField('events', (t) =>
  t.field({
    type: EventStreamItem,
    description:
      'Everything that happens, each event once and in one order for all, and a `Checkpoint` at ' +
      'least every 30 seconds.',
    authScopes: { scope: 'events:read' },
    args: {
      filter: t.arg({ type: EventFilterInput, description: 'Only these events; absent: all.' }),
      after: t.arg.string({ description: afterDescription }),
    },
    subscribe: (_root, { filter, after }, context) => {
      const { types } = filter ?? {};
      if (types?.length === 0) throw emptyList(['filter', 'types']);
      return open(context, { ...namesIn(filter), ...(types && { types: new Set(types) }) }, after);
    },
    resolve: itemOf,
  }),
);

builder.subscriptionField('commandResults', (t) =>
  t.field({
    type: CommandResultStreamItem,
    description: 'What becomes of commands: answers, postponements and endings without an answer.',
    authScopes: { scope: 'commands:read' },
    args: {
      filter: t.arg({
        type: CommandResultFilterInput,
        description: 'Only these results; absent: all.',
      }),
      after: t.arg.string({ description: afterDescription }),
    },
    subscribe: (_root, { filter, after }, context) =>
      open(context, { ...namesIn(filter), types: resultTypes }, after),
    resolve: itemOf,
  }),
);

builder.subscriptionField('enrollmentChanged', (t) =>
  t.field({
    type: EnrollmentStreamItem,
    description:
      'What happens to enrolments: they enrol, leave, come back, move, get other certificates, tags or notes, ' +
      'and what is known of them changes.',
    authScopes: { scope: 'enrollments:read' },
    args: {
      filter: t.arg({
        type: EnrollmentChangeFilterInput,
        description: 'Only these changes; absent: all.',
      }),
      after: t.arg.string({ description: afterDescription }),
    },
    subscribe: (_root, { filter, after }, context) =>
      open(context, { ...namesIn(filter), types: enrollmentTypes }, after),
    resolve: itemOf,
  }),
);

builder.subscriptionField('pushOutcomes', (t) =>
  t.field({
    type: PushOutcomeStreamItem,
    description:
      'What becomes of pushes: each failure, and for `pushEnrollments` each push that Apple took.',
    authScopes: { scope: 'push:read' },
    args: {
      job: t.arg.id({ description: 'Only those of this job; absent: all.' }),
      enrollments: t.arg.idList({ description: 'Only those to these enrolments; absent: all.' }),
      after: t.arg.string({ description: afterDescription }),
    },
    subscribe: (_root, { job, enrollments, after }, context) =>
      open(
        context,
        {
          ...namesIn({ enrollments }, []),
          ...jobIn(job),
          types: pushTypes,
        },
        after,
      ),
    resolve: itemOf,
  }),
);

builder.subscriptionField('jobProgress', (t) =>
  t.field({
    type: JobStreamItem,
    description: 'How jobs get on.',
    authScopes: { scope: 'jobs:read' },
    args: {
      job: t.arg.id({ description: 'Only this job; absent: all.' }),
      after: t.arg.string({ description: afterDescription }),
    },
    subscribe: (_root, { job, after }, context) =>
      open(context, { ...jobIn(job), types: jobTypes }, after),
    resolve: itemOf,
  }),
);

builder.queryField('eventCursor', (t) =>
  t.string({
    description:
      'The position of the newest event. Ask for it, then list, then subscribe with it as `after`: ' +
      'nothing is missed.',
    authScopes: { anyToken: true },
    resolve: (_root, _args, { events }) => events.currentCursor(),
  }),
);

function open(context: GraphContext, filter: EventFilter, after: Maybe<string>) {
  const { events, viewer, ended } = context;
  return liveStream(
    events.subscribe({ tenant: viewer.tenant, filter, after: after ?? null, ended }),
    events.currentCursor,
  );
}

function jobIn(job: Maybe<string>): EventFilter {
  if (typeof job !== 'string') return {};
  const id = jobIdOf(job);
  if (!isUuid(id)) throw new ValidationError('UNKNOWN_JOB', 'No job has this id.', ['job']);
  return { jobIds: new Set([id]) };
}

function namesIn(
  filter: Maybe<{ enrollments?: Maybe<string[]>; commands?: Maybe<string[]> }>,
  path: readonly string[] = ['filter'],
): EventFilter {
  const { enrollments, commands } = filter ?? {};
  if (enrollments?.length === 0) throw emptyList([...path, 'enrollments']);
  if (commands?.length === 0) throw emptyList([...path, 'commands']);
  const ids = enrollments?.map(enrollmentIdOf);
  if (ids?.some(hasNul)) throw notAName([...path, 'enrollments']);
  if (commands?.some(hasNul)) throw notAName([...path, 'commands']);
  return {
    ...(ids && { enrollmentIds: new Set(ids) }),
    ...(commands && { commandUuids: new Set(commands) }),
  };
}

function emptyList(path: readonly string[]): ValidationError {
  return new ValidationError(
    'EMPTY_LIST',
    `\`${path.at(-1)}\` is empty, so that nothing could ever match. Leave it out to mean any.`,
    path,
  );
}

/** The database has no such texts, and would be asked for them again and again. */
function hasNul(text: string): boolean {
  return text.includes('\0');
}

function notAName(path: readonly string[]): ValidationError {
  return new ValidationError('NOT_A_TEXT', 'A name holds no NUL.', path);
}

function typeNameOf(item: EventItem | CheckpointItem): string {
  return item.kind === 'checkpoint' ? 'Checkpoint' : eventTypeName(item.event.type);
}

/** What ended the stream is thrown here, where it becomes the error of one last item. */
function itemOf(item: LiveItem | StreamEnd): LiveItem {
  if (item.kind === 'end') throw item.error;
  return item;
}
