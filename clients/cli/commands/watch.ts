import { graphql } from '../../../generated/gql/gql.ts';
import type { Client } from '../../sdk/client.ts';
import type { CommandResultsSubscription } from '../../sdk/generated/operations.ts';
import { type Call, command } from '../command.ts';
import { exit } from '../exit.ts';
import { type Followed, showOutcomes } from './follow.ts';
import { noCommand } from './missing.ts';
import { isFinal, outcomeShape } from './results.ts';
import { targetsOfCommand } from './targets.ts';

const document = graphql(`
  query CliTargetCount($uuid: String!) {
    command(uuid: $uuid) {
      targetCount
    }
  }
`);

export const commandsWatch = command({
  words: ['commands', 'watch'],
  what: 'shows the answers to a command as they come, until all have answered',
  argument: { name: 'UUID', what: 'its CommandUUID' },
  flags: {
    after: {
      type: 'text',
      value: 'CURSOR',
      what: 'from behind this position, or EARLIEST; else from now',
    },
    done: {
      type: 'number',
      value: 'N',
      what: 'how many had answered up to there, as Ctrl-C tells; 0 unless said',
    },
  },
  fields: outcomeShape.fields,
  examples: ['graphmdm commands watch 0bd2… --after EARLIEST --json enrollmentId,outcome'],
  async run({ args: [commandUuid = ''], flags: { after, done = 0 }, io, out, connect }) {
    out.demand(outcomeShape);
    const mdm = connect();
    if (after === undefined) return await watchOpen({ io, out }, mdm, commandUuid);
    const waiting = (await targetCount(mdm, commandUuid)) - done;
    const followed = { commandUuid, cursor: after, total: done + waiting, before: done };
    return await watch({ io, out }, mdm, followed, (items) => untilDone(items, waiting));
  },
});

/** Shows the answers of those who have not answered yet. */
export async function watchOpen(
  call: Pick<Call, 'io' | 'out'>,
  mdm: Client,
  commandUuid: string,
): Promise<number> {
  const cursor = await mdm.eventCursor();
  const open = await openAt(mdm, commandUuid);
  if (open.size > 0) await call.out.note(`Not answered yet: ${open.size}.`);
  const followed = { commandUuid, cursor, total: open.size };
  return await watch(call, mdm, followed, (items) => untilAllOf(items, open));
}

async function watch(
  { io, out }: Pick<Call, 'io' | 'out'>,
  mdm: Client,
  followed: Followed,
  awaited: (items: AsyncIterable<Item>) => AsyncIterable<Item>,
): Promise<number> {
  const { commandUuid, cursor, total, before = 0 } = followed;
  if (total - before <= 0) {
    await out.note(`All have answered: graphmdm commands targets ${commandUuid}`);
    return exit.ok;
  }
  const items = mdm.commandResults({
    filter: { commands: [commandUuid] },
    after: cursor,
    checkpoints: true,
    signal: io.interrupted,
  });
  return await showOutcomes({ io, out }, followed, awaited(items));
}

/** Who has not answered yet. */
async function openAt(mdm: Client, uuid: string): Promise<Set<string | null>> {
  const open = new Set<string | null>();
  for await (const { enrollmentId } of targetsOfCommand(mdm, uuid, ['PENDING', 'NOT_NOW'], 100)) {
    open.add(enrollmentId);
  }
  return open;
}

/** For how many it was queued. @throws {Failure} there is no such command */
async function targetCount(mdm: Client, uuid: string): Promise<number> {
  const { command } = await mdm.query(document, { uuid });
  if (!command) throw noCommand(uuid);
  return command.targetCount;
}

type Item = CommandResultsSubscription['commandResults'];

/**
 * Of those who have not answered yet. Events are numbered a moment behind what lists show: one who has answered
 * may come behind a position that was read afterwards.
 */
async function* untilAllOf(
  items: AsyncIterable<Item>,
  open: Set<string | null>,
): AsyncGenerator<Item> {
  for await (const item of items) {
    if (item.__typename === 'Checkpoint') yield item;
    else if (open.has(item.enrollmentId)) {
      yield item;
      if (isFinal(item)) open.delete(item.enrollmentId);
      if (open.size === 0) return;
    }
  }
}

async function* untilDone(items: AsyncIterable<Item>, waiting: number): AsyncGenerator<Item> {
  const done = new Set<string | null>();
  for await (const item of items) {
    yield item;
    if (item.__typename === 'Checkpoint' || !isFinal(item)) continue;
    if (done.add(item.enrollmentId).size >= waiting) return;
  }
}
