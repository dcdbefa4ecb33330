/** How many tags an enrolment may be given, and how long one may be, in characters. */
export const tagLimits = { perEnrollment: 50, length: 100 } as const;

/** Whether a text may be a tag: not empty, not too long, without control characters. */
export function isTag(text: string): boolean {
  return text.length >= 1 && text.length <= tagLimits.length && !/[\p{Cc}\p{Cs}]/u.test(text);
}

/** JSON of the tags that an event names at most: events stay below 1 KB. */
const eventBytes = 700;

/** The first of these tags that fit into an event. */
export function tagsForEvent(tags: readonly string[]): readonly string[] {
  let left = eventBytes;
  return tags.filter((tag) => {
    left -= Buffer.byteLength(JSON.stringify(tag)) + 1;
    return left >= 0;
  });
}
