import type { CommandResultsSubscription } from '../../sdk/generated/operations.ts';
import { command } from '../command.ts';
import { showOutcomes } from './follow.ts';
import { isFinal, outcomeShape } from './results.ts';
import { targetsOfCommand } from './targets.ts';

export const commandsWatch = command({
  words: ['commands', 'watch'],
  what: 'shows the answers to a command as they come, until all have answered',
  argument: { name: 'UUID', what: 'its CommandUUID' },
  flags: {
    after: {
      type: 'text',
      value: 'CURSOR',
      what: 'also those behind this position; else from now',
    },
  },
  fields: outcomeShape.fields,
  examples: ['graphmdm commands watch 0bd2… --after EARLIEST --json enrollmentId,outcome'],
  async run({ args: [uuid = ''], flags: { after }, io, out, connect }) {
    out.demand(outcomeShape);
    const mdm = connect();
    const now = await mdm.eventCursor();
    const open = new Set<string | null>();
    for await (const { enrollmentId } of targetsOfCommand(mdm, uuid, ['PENDING', 'NOT_NOW'], 100)) {
      open.add(enrollmentId);
    }
    const items = mdm.commandResults({
      filter: { commands: [uuid] },
      after: after ?? now,
      checkpoints: true,
      signal: io.interrupted,
    });
    const cursor = after ?? now;
    const followed = { commandUuid: uuid, cursor, total: after === undefined ? open.size : null };
    return await showOutcomes({ io, out }, followed, untilDone(items, open, now, cursor));
  },
});

type Item = CommandResultsSubscription['commandResults'];

/**
 * Ends when those that were open at `now` have answered. When none was, at the first sign that all that
 * came before has been shown: the event at `now` itself, or a checkpoint, which is behind what was skipped.
 */
async function* untilDone(
  items: AsyncIterable<Item>,
  open: Set<string | null>,
  now: string,
  cursor: string,
): AsyncGenerator<Item> {
  const wasOpen = open.size > 0;
  if (!wasOpen && cursor === now) return;
  let count = 0;
  for await (const item of items) {
    yield item;
    count += 1;
    if (item.__typename === 'Checkpoint') {
      // EARLIEST begins with the position that it begins at.
      if (!wasOpen && (count > 1 || cursor !== 'EARLIEST' || item.cursor === now)) return;
      continue;
    }
    if (isFinal(item)) open.delete(item.enrollmentId);
    if (wasOpen ? open.size === 0 : item.cursor === now) return;
  }
}
