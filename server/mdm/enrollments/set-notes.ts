import { z } from 'zod';
import { NotFoundError, ValidationError } from '../../model/errors.ts';
import { currentTraceId } from '../../model/trace.ts';
import type { Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { writeNotes } from '../../store/enrollments/notes.ts';
import { appendEvent } from '../../store/events/append.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import { once } from '../idempotency.ts';

/** Characters that notes have at most. */
const mostCharacters = 10_000;

export interface SetNotesInput {
  readonly enrollmentId: string;
  /** Null: none. */
  readonly notes: string | null;
  readonly idempotencyKey: string | null;
}

export interface SetNotesAnswer {
  readonly enrollmentId: string;
  readonly cursor: string;
  readonly replayed: boolean;
}

const stored = z.object({ enrollmentId: z.string(), cursor: z.string() });

/**
 * Writes what people note of an enrolment in place of what they had noted. Event and audit entry tell
 * that they were written, not what they say.
 * @throws {ValidationError} the notes are too long or no text
 * @throws {NotFoundError} no such enrolment for this viewer
 */
export async function setNotes(
  ctx: MdmContext,
  viewer: Viewer,
  { enrollmentId, notes: given, idempotencyKey: key }: SetNotesInput,
): Promise<SetNotesAnswer> {
  const notes = given === '' ? null : given;
  if (notes !== null && (notes.length > mostCharacters || /[\0\p{Cs}]/u.test(notes))) {
    throw new ValidationError(
      'BAD_NOTES',
      `Notes have ${mostCharacters} characters at most, none of them NUL.`,
      ['input', 'notes'],
    );
  }
  const mutation = 'setEnrollmentNotes';
  const cursor = await ctx.currentCursor();
  const done = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      { viewer, mutation, key, input: { enrollmentId, notes } },
      async () => {
        const noted = await writeNotes(client, enrollmentId, viewer.tenant, notes);
        if (noted === null) {
          throw new NotFoundError(
            'UNKNOWN_ENROLLMENT',
            `No enrolment has the id ${enrollmentId}.`,
            ['input', 'enrollmentId'],
          );
        }
        const traceId = currentTraceId() ?? null;
        const details = { enrollmentId, characters: notes?.length ?? 0 };
        if (noted.changed) {
          await appendEvent(client, {
            type: 'EnrollmentNotesChanged',
            tenantId: noted.tenantId,
            at: ctx.clock.now(),
            traceId,
            actor: viewer.actor,
            enrollmentKey: noted.key,
            data: { characters: details.characters },
          });
        }
        await appendAudit(client, viewer, mutation, traceId, details);
        return { enrollmentId, cursor };
      },
      (answer) => stored.parse(answer),
    ),
  );
  ctx.committed();
  return { ...done.answer, replayed: done.replayed };
}
