import { graphql } from '../../../generated/gql/gql.ts';
import type { Client } from '../../sdk/client.ts';
import type { CommandResultsSubscription } from '../../sdk/generated/operations.ts';
import { command } from '../command.ts';
import { exit } from '../exit.ts';
import { showOutcomes } from './follow.ts';
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
    const cursor = after ?? (await mdm.eventCursor());
    // Events are numbered a moment behind what lists show, so their positions don't tell when all have
    // come; their count does.
    const waiting =
      after === undefined
        ? await openAt(mdm, commandUuid)
        : (await targetCount(mdm, commandUuid)) - done;
    if (waiting <= 0) {
      await out.note(`All have answered: graphmdm commands targets ${commandUuid}`);
      return exit.ok;
    }
    const items = mdm.commandResults({
      filter: { commands: [commandUuid] },
      after: cursor,
      checkpoints: true,
      signal: io.interrupted,
    });
    const before = after === undefined ? 0 : done;
    const followed = { commandUuid, cursor, total: before + waiting, before };
    return await showOutcomes({ io, out }, followed, untilDone(items, waiting));
  },
});

/** How many have not answered yet. */
async function openAt(mdm: Client, uuid: string): Promise<number> {
  let count = 0;
  for await (const _target of targetsOfCommand(mdm, uuid, ['PENDING', 'NOT_NOW'], 100)) count += 1;
  return count;
}

/** For how many it was queued. @throws {Failure} there is no such command */
async function targetCount(mdm: Client, uuid: string): Promise<number> {
  const { command } = await mdm.query(document, { uuid });
  if (!command) throw noCommand(uuid);
  return command.targetCount;
}

type Item = CommandResultsSubscription['commandResults'];

async function* untilDone(items: AsyncIterable<Item>, waiting: number): AsyncGenerator<Item> {
  const done = new Set<string | null>();
  for await (const item of items) {
    yield item;
    if (item.__typename === 'Checkpoint' || !isFinal(item)) continue;
    if (done.add(item.enrollmentId).size >= waiting) return;
  }
}
