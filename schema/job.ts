import type { Prisma } from '../generated/prisma/client.ts';
import type { ControlJobAnswer } from '../server/mdm/jobs/control.ts';
import type { JobErrorRow, JobPosition } from '../server/store/read/jobs.ts';
import { emptyPage, type Page, type Stretch } from '../server/store/read/keyset.ts';
import { batched } from './batch.ts';
import { builder } from './builder.ts';
import { mutationErrors } from './errors.ts';
import { idempotencyKeyDescription, idempotencyKeyOf } from './idempotency-key.ts';
import { nodesQuery, ofTenant } from './load.ts';
import { connectionOf, cursorCodec, parseKey, stretchOf } from './page.ts';

const readers = { scope: 'jobs:read' } as const;

const states = ['QUEUED', 'RUNNING', 'PAUSED', 'SUCCEEDED', 'FAILED', 'CANCELLED'] as const;

const JobState = builder.enumType('JobState', {
  description: 'What a job is doing.',
  values: {
    QUEUED: { description: 'It waits for its turn.' },
    RUNNING: { description: 'It works.' },
    PAUSED: { description: 'It was paused and waits to be resumed.' },
    SUCCEEDED: { description: 'It has come to its end; single subjects may have failed.' },
    FAILED: { description: 'It could not go on.' },
    CANCELLED: { description: 'It was cancelled; what it had done stays done.' },
  } as const,
});

/** Whether a text has the form of a job's natural id. */
export function isUuid(id: string): boolean {
  return /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(id);
}

const JobError = builder.objectRef<JobErrorRow>('JobError').implement({
  description: 'What went wrong for one of the subjects of a job.',
  authScopes: readers,
  fields: (t) => ({
    code: t.exposeString('code', { description: 'For programs: a stable word in capitals.' }),
    message: t.exposeString('message', { description: 'For people: what is wrong.' }),
    subject: t.exposeString('subject', {
      nullable: true,
      description: 'What it was about, such as an enrolment id.',
    }),
    line: t.exposeInt('line', {
      nullable: true,
      description: 'The line of the uploaded file that it was about.',
    }),
  }),
});

const errorCursor = cursorCodec<bigint>(
  'jobErrors',
  (key) => [String(key)],
  ([key]) => parseKey(key),
);

const errorsOfJobs = batched<string, Page<JobErrorRow>, Stretch<bigint>>(
  ({ lists }, ids, stretch) => lists.jobErrorPages(ids, stretch),
);

export const Job = builder.prismaNode('Job', {
  description: 'Work that goes on after the request that asked for it, through restarts too.',
  authScopes: readers,
  nullable: true,
  id: { field: 'id', description: 'Opaque global id.' },
  findUnique: (id, { viewer }) => ({
    id: isUuid(id) ? id : '00000000-0000-0000-0000-000000000000',
    ...ofTenant(viewer),
  }),
  fields: (t) => ({
    jobId: t.exposeString('id', { description: 'Its natural id, a UUID.' }),
    kind: t.exposeString('kind', { description: 'What it does, such as `PUSH`.' }),
    state: t.field({
      type: JobState,
      description: 'What it is doing.',
      select: { state: true },
      resolve: ({ state }) => states.find((one) => one === state) ?? 'FAILED',
    }),
    done: t.exposeInt('done', { description: 'How many of its subjects are done.' }),
    failed: t.exposeInt('failed', { description: 'How many of its subjects failed.' }),
    total: t.exposeInt('total', {
      nullable: true,
      description: 'How many subjects it has, if that is known.',
    }),
    message: t.exposeString('message', {
      nullable: true,
      description: 'Why it failed, if it did.',
    }),
    createdBy: t.exposeString('createdBy', {
      description: 'Who asked for it, such as `token:<name>`.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was asked for.' }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it first ran.',
    }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ended.',
    }),
    errors: t.connection({
      type: JobError,
      description: 'What went wrong for single subjects, in the order it happened.',
      resolve: async ({ id }, args, context) => {
        const stretch = stretchOf(args, errorCursor);
        const page = await errorsOfJobs(context, JSON.stringify(args), id, stretch);
        return connectionOf(page ?? emptyPage, stretch, (node) => ({
          cursor: errorCursor.encode(node.key),
          node,
        }));
      },
    }),
  }),
});

/** Takes a job's global id or its natural one, and answers the natural one. */
export function jobIdOf(id: string): string {
  const [, natural] = /^Job:(.+)$/.exec(Buffer.from(id, 'base64').toString('utf8')) ?? [];
  return natural !== undefined && isUuid(natural) ? natural : id;
}

const jobCursor = cursorCodec<JobPosition>(
  'jobs',
  ({ createdMicros, id }) => [String(createdMicros), id],
  ([micros, id]) => {
    const createdMicros = parseKey(micros);
    return createdMicros === null || id === undefined || !isUuid(id) ? null : { createdMicros, id };
  },
);

builder.queryFields((t) => ({
  job: t.prismaField({
    type: Job,
    nullable: true,
    description: 'A job by its global or natural id; null when there is none for this token.',
    authScopes: readers,
    args: { id: t.arg.id({ required: true, description: 'Its id.' }) },
    resolve: (query, _root, { id }, { prisma, viewer }) => {
      const natural = jobIdOf(id);
      return isUuid(natural)
        ? prisma.job.findFirst({ ...query, where: { id: natural, ...ofTenant(viewer) } })
        : null;
    },
  }),
  jobs: t.connection({
    type: Job,
    description: 'Jobs, the newest first.',
    authScopes: readers,
    args: {
      states: t.arg({ type: [JobState], description: 'Only those in one of these states.' }),
      kinds: t.arg.stringList({ description: 'Only those of one of these kinds.' }),
    },
    resolve: async (_root, { states: wanted, kinds, ...args }, context, info) => {
      const { lists, prisma, viewer } = context;
      const stretch = stretchOf(args, jobCursor);
      const filter = {
        ...(wanted && { states: wanted }),
        // PostgreSQL knows no NUL in a text, so no kind has one.
        ...(kinds && { kinds: kinds.filter((kind) => !kind.includes('\0')) }),
      };
      const page = await lists.jobPage(viewer, filter, stretch);
      const query: { select?: Prisma.JobSelect } = nodesQuery(context, info, 'id');
      const where = { id: { in: page.rows.map(({ id }) => id) }, ...ofTenant(viewer) };
      const found = await prisma.job.findMany({ ...query, where });
      const byId = new Map(found.map((job) => [job.id, job]));
      const rows = page.rows.flatMap((at) => {
        const node = byId.get(at.id);
        return node ? [{ at, node }] : [];
      });
      return connectionOf({ rows, more: page.more }, stretch, ({ at, node }) => ({
        cursor: jobCursor.encode(at),
        node,
      }));
    },
  }),
}));

const JobInput = builder.inputType('JobInput', {
  description: 'Which job.',
  fields: (t) => ({
    jobId: t.id({ required: true, description: 'Its global or its natural id.' }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

const JobPayload = builder.objectRef<ControlJobAnswer>('JobPayload').implement({
  description: 'A job after something was done to it.',
  fields: (t) => ({
    job: t.prismaField({
      type: Job,
      nullable: true,
      description: 'The job; null for a token without jobs:read.',
      resolve: (query, { jobId }, _args, { prisma, viewer }) =>
        viewer.scopes.has('jobs:read')
          ? prisma.job.findFirst({ ...query, where: { id: jobId, ...ofTenant(viewer) } })
          : null,
    }),
    cursor: t.exposeString('cursor', {
      description: "The event stream's position from before: subscribe after it to miss nothing.",
    }),
    replayed: t.exposeBoolean('replayed', {
      description: 'Whether an earlier, equal request had done it already.',
    }),
  }),
});

const actions = {
  cancelJob: 'Ends a job; what it has done stays done.',
  pauseJob: 'Stops a job until it is resumed.',
  resumeJob: 'Lets a paused job go on from where it was.',
} as const;

for (const action of ['cancelJob', 'pauseJob', 'resumeJob'] as const) {
  builder.mutationField(action, (t) =>
    t.field({
      type: JobPayload,
      description: actions[action],
      authScopes: { scope: 'jobs:write' },
      errors: {
        types: mutationErrors,
        union: {
          name: `${action.charAt(0).toUpperCase()}${action.slice(1)}Result`,
          description: `The outcomes of \`${action}\`.`,
        },
      },
      args: { input: t.arg({ type: JobInput, required: true, description: 'Which job.' }) },
      resolve: (_root, { input }, { useCases, viewer }) => {
        const jobId = jobIdOf(input.jobId);
        return useCases.controlJob(viewer, action, {
          jobId: isUuid(jobId) ? jobId : null,
          idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
        });
      },
    }),
  );
}
