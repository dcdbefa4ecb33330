import type { builder } from './builder.ts';
import { Enrollment } from './enrollment.ts';
import { Job } from './job.ts';
import { findJob, findSample } from './load.ts';

type Fields<Answer> = PothosSchemaTypes.ObjectFieldBuilder<
  typeof builder.$inferSchemaTypes,
  Answer
>;

/** The fields that every mutation's payload has. */
export function answerFields(t: Fields<{ readonly cursor: string; readonly replayed: boolean }>) {
  return {
    cursor: t.exposeString('cursor', {
      description: "The event stream's position from before: subscribe after it to miss nothing.",
    }),
    replayed: t.exposeBoolean('replayed', {
      description: 'Whether an earlier, equal request had done it already.',
    }),
  };
}

/**
 * The job of a payload; null where there is none, and for a token without jobs:read.
 * @param description says what the job does, and when it is null
 */
export function jobField(t: Fields<{ readonly jobId: string | null }>, description: string) {
  return t.prismaField({
    type: Job,
    nullable: true,
    description,
    resolve: (query, { jobId }, _args, context) => findJob(context, jobId, query),
  });
}

/** Some of those whom a mutation on many means, for a payload. */
export function sampleField(t: Fields<{ readonly sample: readonly string[] }>) {
  return t.prismaField({
    type: [Enrollment],
    description:
      'The first enrolments that are meant, at most 100, by id; none for a token without ' +
      'enrollments:read.',
    resolve: (query, { sample }, _args, context) => findSample(context, sample, query),
  });
}
