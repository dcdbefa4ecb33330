import { ValidationError } from '../../model/errors.ts';
import { isTag, tagLimits } from '../../model/tags.ts';

/**
 * Demands that texts can be tags, and that they are not too many for one enrolment.
 * @throws {ValidationError} `TOO_MANY_TAGS` or `BAD_TAG`
 */
export function checkTags(tags: readonly string[], path: readonly string[]): void {
  if (new Set(tags).size > tagLimits.perEnrollment) {
    throw new ValidationError(
      'TOO_MANY_TAGS',
      `An enrolment has ${tagLimits.perEnrollment} tags at most.`,
      path,
    );
  }
  const bad = tags.findIndex((tag) => !isTag(tag));
  if (bad < 0) return;
  throw new ValidationError(
    'BAD_TAG',
    `A tag has 1 to ${tagLimits.length} characters, none of them a control character.`,
    [...path, String(bad)],
  );
}
