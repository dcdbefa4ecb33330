import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { CheckpointItem, LiveItems } from '../server/events/live-item.ts';
import { progressTypes } from '../server/mdm/queue/count-targets.ts';
import { NotFoundError } from '../server/model/errors.ts';
import type { Viewer } from '../server/model/viewer.ts';
import type { CommandProgress } from '../server/store/read/command-progress.ts';
import type { Lists } from '../server/store/read/lists.ts';
import { batched } from './batch.ts';
import { builder } from './builder.ts';
import { Command } from './command.ts';
import type { GraphContext } from './context.ts';
import { Checkpoint } from './event.ts';
import { liveStream } from './live-stream.ts';
import { ofTenant } from './load.ts';
import { type ProgressItem, progressStream } from './progress-stream.ts';

const CommandProgressType = builder.objectRef<CommandProgress>('CommandProgress').implement({
  description:
    'How many targets of a command stand how. Counted from events, so it may be a moment behind ' +
    '`targets`.',
  fields: (t) => ({
    total: t.exposeInt('total', { description: 'All that it was meant for.' }),
    pending: t.exposeInt('pending', { description: 'In the queue, not answered.' }),
    notNow: t.exposeInt('notNow', { description: 'In the queue, put off by the device.' }),
    acknowledged: t.exposeInt('acknowledged', { description: 'Done.' }),
    error: t.exposeInt('error', { description: 'Answered that it could not be done.' }),
    refused: t.exposeInt('refused', { description: 'Never queued.' }),
    cancelled: t.exposeInt('cancelled', { description: 'Taken back.' }),
    cleared: t.exposeInt('cleared', { description: 'Cleared with the queue.' }),
    expired: t.exposeInt('expired', { description: 'Ended when its time ran out.' }),
    unenrolled: t.exposeInt('unenrolled', { description: 'The device left.' }),
    reEnrolled: t.exposeInt('reEnrolled', { description: 'The device enrolled anew.' }),
    moved: t.exposeInt('moved', { description: 'The device was moved to another tenant.' }),
    finished: t.exposeBoolean('finished', { description: 'Whether it waits for nobody any more.' }),
  }),
});

const progressOfLevel = batched<bigint, CommandProgress, null>(({ lists, viewer }, keys) =>
  lists.commandProgress(viewer, keys),
);

builder.prismaObjectField(Command, 'progress', (t) =>
  t.field({
    type: CommandProgressType,
    nullable: true,
    description: 'How it gets on: `commandProgress` follows it.',
    resolve: async ({ key }, _args, context) =>
      (await progressOfLevel(context, 'progress', key, null)) ?? null,
  }),
);

const Snapshot = builder.objectRef<ProgressItem>('CommandProgressSnapshot').implement({
  description: 'How a command stands.',
  fields: (t) => ({
    cursor: t.exposeString('cursor', {
      description: 'Pass it as `after` to go on from here, in any subscription.',
    }),
    progress: t.expose('progress', {
      type: CommandProgressType,
      description: 'How many targets stand how.',
    }),
  }),
});

const Item = builder.unionType('CommandProgressStreamItem', {
  description: 'What `commandProgress` yields.',
  types: [Snapshot, Checkpoint],
  resolveType: (item: ProgressItem | CheckpointItem) =>
    item.kind === 'checkpoint' ? 'Checkpoint' : 'CommandProgressSnapshot',
});

/** What is about to be read for all subscribers of this process, by tenant. */
interface Round {
  readonly keys: Set<bigint>;
  readonly found: Promise<ReadonlyMap<bigint, CommandProgress>>;
}

const rounds = new WeakMap<Lists, Map<number | null, Round>>();

/** Reads together with all others who ask in the same turn of the event loop: one statement for them. */
async function readTogether(
  lists: Lists,
  viewer: Viewer,
  key: bigint,
): Promise<CommandProgress | null> {
  const byTenant = rounds.get(lists) ?? new Map<number | null, Round>();
  rounds.set(lists, byTenant);
  const { tenant } = viewer;
  const round = byTenant.get(tenant) ?? beginRound();
  round.keys.add(key);
  return (await round.found).get(key) ?? null;

  function beginRound(): Round {
    const keys = new Set<bigint>();
    const found = eventLoopTurn().then(() => {
      byTenant.delete(tenant);
      return lists.commandProgress(viewer, [...keys]);
    });
    const begun = { keys, found };
    byTenant.set(tenant, begun);
    return begun;
  }
}

const types = new Set(progressTypes);

builder.subscriptionField('commandProgress', (t) =>
  t.field({
    type: Item,
    description:
      'How a command gets on: a snapshot at once, then changes at most four times a second, until it ' +
      'has finished. The last snapshot says so, and then the subscription completes.',
    authScopes: { scope: 'commands:read' },
    args: {
      command: t.arg.string({ required: true, description: 'Its CommandUUID.' }),
      after: t.arg.string({
        description:
          'The last cursor that was seen, to be told when it cannot be followed any more. As each ' +
          'snapshot is whole, nothing is missed without it.',
      }),
    },
    subscribe: (_root, { command, after }, context) => follow(context, command, after ?? null),
    resolve: (item) => {
      if (item.kind === 'end') throw item.error;
      return item;
    },
  }),
);

async function follow(context: GraphContext, uuid: string, after: string | null) {
  const { events, viewer, ended, lists, prisma, setTimer } = context;
  const command = uuid.includes('\0')
    ? null
    : await prisma.command.findFirst({
        where: { uuid, ...ofTenant(viewer) },
        orderBy: { key: 'asc' },
        select: { key: true },
      });
  if (command === null) {
    throw new NotFoundError('UNKNOWN_COMMAND', `No command has the CommandUUID ${uuid}.`, [
      'command',
    ]);
  }
  const filter = { commandUuids: new Set([uuid]), types };
  const from = (cursor: string): LiveItems =>
    events.subscribe({ tenant: viewer.tenant, filter, after: cursor, ended });
  if (after !== null) {
    // Throws what is wrong with it.
    const judged = await liveStream(from(after), events.currentCursor);
    await judged.return?.();
  }
  const cursor = await events.currentCursor();
  const read = () => readTogether(lists, viewer, command.key);
  return progressStream(from(cursor), cursor, read, setTimer);
}
