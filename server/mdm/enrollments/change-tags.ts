import type { PoolClient } from 'pg';
import { z } from 'zod';
import { ConflictError, NotFoundError, ValidationError } from '../../model/errors.ts';
import { tagLimits, tagsForEvent } from '../../model/tags.ts';
import type { Targets } from '../../model/targets.ts';
import { currentTraceId } from '../../model/trace.ts';
import type { Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import {
  type TagChangeOutcome,
  addTags,
  lockTagging,
  previewTags,
  removeTags,
} from '../../store/enrollments/change-tags.ts';
import { refusedIds } from '../../store/queue/judge-targets.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import { once } from '../idempotency.ts';
import { canonicalTargets } from '../queue/enqueue-targets.ts';
import { checkTags } from './check-tags.ts';

export interface ChangeTagsInput {
  readonly action: 'ADD' | 'REMOVE';
  readonly tags: readonly string[];
  readonly targets: Targets;
  /** Only say how many, and which. */
  readonly validateOnly: boolean;
  readonly idempotencyKey: string | null;
}

export interface ChangeTagsAnswer extends TagChangeOutcome {
  /** Ids that this viewer has no enrolment of. */
  readonly unknown: readonly string[];
  readonly cursor: string;
  readonly replayed: boolean;
  readonly validateOnly: boolean;
}

const stored = z.object({
  targetCount: z.number(),
  changedCount: z.number(),
  sample: z.array(z.string()),
  unknown: z.array(z.string()),
  cursor: z.string(),
});

/**
 * Gives tags to enrolments, or takes them away. A tag that is there already, or is not there, is left
 * as it is.
 * @throws {ValidationError} no tag, too many, or a text that is none
 * @throws {NotFoundError} none of the ids exists for this viewer
 * @throws {ConflictError} an enrolment would have more tags than it may
 */
export async function changeTags(
  ctx: MdmContext,
  viewer: Viewer,
  input: ChangeTagsInput,
): Promise<ChangeTagsAnswer> {
  const { action, targets, validateOnly } = input;
  if (input.tags.length === 0) {
    throw new ValidationError('EMPTY_LIST', '`tags` is an empty list.', ['input', 'tags']);
  }
  checkTags(input.tags, ['input', 'tags']);
  const tags = [...new Set(input.tags)].sort();
  const mutation = action === 'ADD' ? 'tagEnrollments' : 'untagEnrollments';
  const cursor = await ctx.currentCursor();
  const done = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      {
        viewer,
        mutation,
        key: validateOnly ? null : input.idempotencyKey,
        input: { tags, targets: canonicalTargets(targets) },
      },
      async () => {
        const unknown = await unknownAmong(client, viewer, targets);
        if (action === 'ADD' && !validateOnly) await lockTagging(client, viewer.tenant);
        const { crowded, ...preview } = await previewTags(
          client,
          { tags, targets, tenant: viewer.tenant },
          action,
          tagLimits.perEnrollment,
        );
        if (crowded.length > 0) throw tooManyTags(crowded);
        if (validateOnly) return { ...answerOf(preview), unknown, cursor };
        const change = action === 'ADD' ? addTags : removeTags;
        const traceId = currentTraceId() ?? null;
        const outcome = await change(client, {
          tags,
          shownTags: tagsForEvent(tags),
          targets,
          tenant: viewer.tenant,
          actor: viewer.actor,
          traceId,
          at: ctx.clock.now(),
        });
        const { targetCount, changedCount } = outcome;
        await appendAudit(client, viewer, mutation, traceId, { tags, targetCount, changedCount });
        return { ...answerOf(outcome), unknown, cursor };
      },
      (answer) => stored.parse(answer),
    ),
  );
  ctx.committed();
  return { ...done.answer, replayed: done.replayed, validateOnly };
}

function answerOf({ targetCount, changedCount, sample }: TagChangeOutcome) {
  return { targetCount, changedCount, sample: [...sample] };
}

/** @throws {NotFoundError} there is none of them */
async function unknownAmong(
  client: PoolClient,
  viewer: Viewer,
  targets: Targets,
): Promise<string[]> {
  if (!('ids' in targets)) return [];
  const refused = await refusedIds(client, targets.ids, viewer.tenant);
  const unknown = refused.filter(({ known }) => !known).map(({ id }) => id);
  if (unknown.length < new Set(targets.ids).size) return unknown;
  throw new NotFoundError('UNKNOWN_ENROLLMENT', 'None of these enrolments exists.', [
    'input',
    'targets',
    'ids',
  ]);
}

function tooManyTags(crowded: readonly string[]): ConflictError {
  return new ConflictError(
    'TOO_MANY_TAGS',
    `An enrolment has ${tagLimits.perEnrollment} tags at most; these would have more: ` +
      `${crowded.join(', ')}${crowded.length < 3 ? '' : ', …'}. Take some away first. Nothing was changed.`,
    ['input', 'tags'],
  );
}
