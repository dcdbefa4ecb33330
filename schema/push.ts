import type { PushState as PushStateRow } from '../generated/prisma/client.ts';
import type { TargetsJobAnswer } from '../server/mdm/jobs/over-targets.ts';
import { namedPushOutcomes } from '../server/store/read/push-state.ts';
import { answerFields, jobField, sampleField } from './answer.ts';
import { builder } from './builder.ts';
import { asGiven, bulkFields, bulkOf } from './bulk.ts';
import type { GraphContext } from './context.ts';
import { Enrollment } from './enrollment.ts';
import { outcomesOf, targetErrors } from './errors.ts';
import { ofTenant } from './load.ts';
import { PushStateEnum } from './push-state.ts';
import { TargetRefused } from './enqueue-command.ts';

/** Milliseconds that an answer waits for what becomes of the pushes it asked for. */
const patience = 5_000;

interface PushStanding {
  readonly row: PushStateRow | null;
  readonly tokenUpdatedAt: Date | null;
}

/** What was said of a token counts until the device sends it anew. */
function currentState({ row, tokenUpdatedAt }: PushStanding) {
  if (row === null) return 'UNKNOWN';
  const { outcome, outcomeAt, retryAt } = row;
  if (outcome === null || outcomeAt === null || outcomeAt < row.claimedAt) {
    return retryAt === null ? 'UNKNOWN' : 'PENDING';
  }
  const known = namedPushOutcomes.find((one) => one === outcome);
  if (retryAt !== null) return known === undefined ? 'RETRYING' : 'PENDING';
  if (row.tokenUpdatedAt?.getTime() !== tokenUpdatedAt?.getTime()) return 'UNKNOWN';
  return known ?? 'UNAVAILABLE';
}

/** Whether what is stored of the last push says something of the token that the enrolment has now. */
function isDecided(standing: PushStanding): boolean {
  return currentState(standing) !== 'UNKNOWN';
}

const PushStanding = builder.objectRef<PushStanding>('EnrollmentPush').implement({
  description: 'How pushing to an enrolment stands.',
  fields: (t) => ({
    state: t.field({ type: PushStateEnum, description: 'In a word.', resolve: currentState }),
    reason: t.string({
      nullable: true,
      description:
        "Apple's reason for refusing the last push, or ours where Apple was not reached; null where the " +
        'state is UNKNOWN, as after the device has sent its token anew.',
      resolve: (standing) => (isDecided(standing) ? (standing.row?.reason ?? null) : null),
    }),
    status: t.int({
      nullable: true,
      description: "HTTP status of Apple's last answer; null where the state is UNKNOWN.",
      resolve: (standing) => (isDecided(standing) ? (standing.row?.status ?? null) : null),
    }),
    apnsId: t.string({
      nullable: true,
      description: 'The id under which Apple knows the last push.',
      resolve: ({ row }) => row?.apnsId ?? null,
    }),
    attempts: t.int({
      description: 'How often the last push was tried without success.',
      resolve: ({ row }) => row?.attempts ?? 0,
    }),
    pushedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When a push to it was last sent, or was about to be.',
      // At the epoch: asked for, and nobody has set about it yet.
      resolve: ({ row }) => (row === null || row.claimedAt.getTime() === 0 ? null : row.claimedAt),
    }),
    acceptedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When Apple last took a push to it.',
      resolve: ({ row }) => row?.acceptedAt ?? null,
    }),
    retryAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it is pushed to again by itself.',
      resolve: ({ row }) => row?.retryAt ?? null,
    }),
  }),
});

builder.prismaInterfaceField(Enrollment, 'push', (t) =>
  t.field({
    type: PushStanding,
    description: 'How pushing to it stands.',
    select: { tokenUpdatedAt: true, pushState: true },
    resolve: ({ pushState, tokenUpdatedAt }) => ({ row: pushState, tokenUpdatedAt }),
  }),
);

interface PushedTarget {
  readonly enrollmentId: string;
  readonly standing: PushStanding;
}

const PushTargetOutcome = builder.objectRef<PushedTarget>('PushTargetOutcome').implement({
  description: 'What has become of the push to one enrolment so far.',
  fields: (t) => ({
    enrollmentId: t.exposeString('enrollmentId', { description: 'Natural id of the enrolment.' }),
    push: t.field({
      type: PushStanding,
      description: 'How it stands: ACCEPTED, or why not. PENDING and RETRYING: not decided yet.',
      resolve: ({ standing }) => standing,
    }),
  }),
});

const PushEnrollmentsInput = builder.inputType('PushEnrollmentsInput', {
  description: 'Whom to wake.',
  fields: (t) => ({
    ...bulkFields(t, {
      targets: 'Whom.',
      channels: 'DEVICE',
      validateOnly: 'Push to nobody; only answer how many and which it would be.',
    }),
  }),
});

const PushEnrollmentsPayload = builder
  .objectRef<TargetsJobAnswer>('PushEnrollmentsPayload')
  .implement({
    description: 'What is being pushed, or with `validateOnly` would be.',
    fields: (t) => ({
      job: jobField(
        t,
        'The job that pushes: follow it with `jobProgress` and `pushOutcomes`. Null with ' +
          '`validateOnly`, and for a token without jobs:read.',
      ),
      targetCount: t.exposeInt('targetCount', { description: 'How many enrolments.' }),
      enrollments: sampleField(t),
      refused: t.field({
        type: [TargetRefused],
        description: 'The ids that nothing can be pushed to, and why: the first 100.',
        resolve: ({ refused }) => refused.slice(0, 100),
      }),
      outcomes: t.field({
        type: [PushTargetOutcome],
        description:
          'What has become of the first 100, by id. When it is asked for, the answer waits up to 5 ' +
          'seconds for them to be decided.',
        resolve: (answer, _args, context) => outcomesSoFar(answer, context),
      }),
      ...answerFields(t),
      validateOnly: t.exposeBoolean('validateOnly', { description: 'Whether nothing was pushed.' }),
    }),
  });

async function outcomesSoFar(
  answer: TargetsJobAnswer,
  context: GraphContext,
): Promise<PushedTarget[]> {
  const { prisma, viewer } = context;
  if (answer.jobId !== null) await jobEnds(answer.jobId, answer.cursor, context);
  const rows = await prisma.enrollment.findMany({
    where: { id: { in: [...answer.sample] }, ...ofTenant(viewer) },
    select: { id: true, tokenUpdatedAt: true, pushState: true },
    orderBy: { id: 'asc' },
  });
  return rows.map(({ id, tokenUpdatedAt, pushState }) => ({
    enrollmentId: id,
    standing: { row: pushState, tokenUpdatedAt },
  }));
}

/** Waits until the job has ended, but not for ever. */
async function jobEnds(jobId: string, cursor: string, context: GraphContext): Promise<void> {
  const { events, viewer, ended } = context;
  const items = events.subscribe({
    tenant: viewer.tenant,
    filter: { jobIds: new Set([jobId]) },
    after: cursor,
    ended: AbortSignal.any([ended, AbortSignal.timeout(patience)]),
  });
  for await (const item of items) {
    const state = item.kind === 'event' ? item.event.data['state'] : undefined;
    if (state === 'SUCCEEDED' || state === 'FAILED' || state === 'CANCELLED') return;
  }
}

builder.mutationField('pushEnrollments', (t) =>
  t.field({
    type: PushEnrollmentsPayload,
    description: 'Wakes enrolments by push, so that they ask for their commands.',
    authScopes: { scope: 'push:write' },
    errors: outcomesOf('pushEnrollments', targetErrors),
    args: {
      input: t.arg({ type: PushEnrollmentsInput, required: true, description: 'Whom to wake.' }),
    },
    resolve: async (_root, { input }, context) => {
      const { useCases, viewer } = context;
      const answer = await useCases.pushEnrollments(viewer, {
        ...(await bulkOf(context, input)),
      });
      return { ...answer, refused: asGiven(input.targets, answer.refused) };
    },
  }),
);
