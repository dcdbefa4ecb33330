import type { EventData } from '../../model/events.ts';
import { tagsForEvent } from '../../model/tags.ts';

/** What an event tells of changed tags: the counts, and as many of their names as it has room for. */
export function tagsOfEvent(change: {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}): EventData {
  const shown = new Set(tagsForEvent([...change.added, ...change.removed]));
  return {
    added: change.added.filter((tag) => shown.has(tag)),
    addedCount: change.added.length,
    removed: change.removed.filter((tag) => shown.has(tag)),
    removedCount: change.removed.length,
  };
}
