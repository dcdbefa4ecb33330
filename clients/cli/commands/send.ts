import type { EnqueueMutation } from '../../sdk/generated/operations.ts';
import type { Client } from '../../sdk/client.ts';
import type { Sent } from '../../sdk/enqueue.ts';
import { type Call, command, type Values } from '../command.ts';
import { confirmed, confirmFlags } from '../confirm.ts';
import { exit } from '../exit.ts';
import { fileOf } from '../files.ts';
import { shape } from '../output/fields.ts';
import { targetFlags, targetsOf } from '../targets.ts';
import { timeOf } from '../times.ts';
import { showOutcomes } from './follow.ts';
import { outcomeShape } from './results.ts';
import { watchOpen } from './watch.ts';

type Queued = Extract<EnqueueMutation['enqueueCommand'], { __typename: 'EnqueueCommandPayload' }>;

const sentShape = shape(
  {
    commandUuid: { what: 'CommandUUID of the command', of: (sent: Queued) => sent.commandUuid },
    requestType: { what: 'RequestType of the command', of: (sent) => sent.requestType },
    queuedCount: { what: 'for how many it was queued', of: (sent) => sent.queuedCount },
    refused: {
      what: 'the first 100 that it was not queued for, and why',
      of: (sent) => sent.refused.edges.map(({ node }) => node),
    },
    replayed: { what: 'whether it had been sent before', of: (sent) => sent.replayed },
    cursor: { what: 'position from before it was sent, for --after', of: (sent) => sent.cursor },
  },
  [],
);

const flags = {
  file: {
    type: 'text',
    value: 'FILE',
    isFile: true,
    what: 'the property list, with a CommandUUID of its own; - is stdin',
  },
  ...targetFlags,
  channels: {
    type: 'text',
    value: 'WHICH',
    choices: ['DEVICE', 'USER', 'ALL'],
    what: 'which channels a filter or --all means; DEVICE unless said',
  },
  watch: { type: 'switch', what: 'show the answers as they come, until all have answered' },
  priority: { type: 'number', value: 'N', least: -1000, what: 'higher goes first; 0 unless said' },
  'not-before': {
    type: 'text',
    value: 'TIME',
    what: 'not delivered before: a time, or 2h from now',
  },
  expires: { type: 'text', value: 'TIME', what: 'not delivered after: a time, or 7d from now' },
  'no-push': { type: 'switch', what: 'do not push: devices get it when they come by themselves' },
  'idempotency-key': {
    type: 'text',
    value: 'KEY',
    what: 'the same key with the same command is sent once, within 24 hours',
  },
  ...confirmFlags,
} as const;

export const commandsSend = command({
  words: ['commands', 'send'],
  what: 'sends a command to one device or to many',
  more:
    'What wipes, locks, un-enrols or shuts out, sent to a filter or to all, is counted first: on a terminal you are\n' +
    'asked, elsewhere it takes --yes --expected-count N. Exit status 4: some were refused, or did not do it.\n' +
    'With --watch the fields are those of `commands watch`.',
  flags,
  fields: { ...sentShape.fields, ...outcomeShape.fields },
  examples: [
    'graphmdm commands send --file info.plist --to 00008110-000A2D9E3C41801E --watch',
    'graphmdm commands send --file erase.plist --tag retired --yes --expected-count 12',
    'graphmdm commands send --file - --all --json commandUuid,queuedCount',
  ],
  async run(call) {
    const { flags, io, out, connect } = call;
    if (flags.watch && !flags['dry-run']) out.demand(outcomeShape);
    else out.demand(sentShape);
    const targets = targetsOf(flags);
    const timing = timingOf(flags);
    const mdm = connect();
    const plist = (await fileOf('file', flags.file, io)).toString('utf8');
    const { 'idempotency-key': idempotencyKey } = flags;
    const sent = await confirmed(
      call,
      'This command',
      (attempt) =>
        mdm.enqueue(
          {
            targets,
            plist,
            ...(flags.channels && { channels: flags.channels }),
            push: !flags['no-push'],
            ...timing,
            // The key is that of the thing itself, not of looking at it.
            ...(attempt.validateOnly !== true && { idempotencyKey }),
            ...attempt,
          },
          { signal: io.interrupted },
        ),
      ({ queuedCount }) => queuedCount,
    );
    return await showSent(call, mdm, sent);
  },
});

async function showSent(
  { flags: { watch }, io, out }: Call<typeof flags>,
  mdm: Client,
  sent: Sent,
): Promise<number> {
  const { commandUuid, requestType, queuedCount: total, validateOnly, cursor } = sent;
  if (sent.replayed) {
    await out.note(
      `${commandUuid} was queued for these already, and is not queued again. To send it once more, give it another CommandUUID.`,
    );
  }
  const refused = sent.refused.edges.map(({ node }) => node);
  for (const { id, message } of refused.slice(0, 10)) await out.note(`${id}: ${message}`);
  if (refused.length > 10) await out.note(`… and others; \`commands show ${commandUuid}\``);
  if (total === 0 && refused.length === 0 && !sent.replayed) {
    await out.note(
      validateOnly
        ? 'Nobody is meant: no enrolment is what you asked for.'
        : `Nobody was meant: no enrolment is what you asked for. To send it later, give it another CommandUUID than ${commandUuid}.`,
    );
  }
  const status = refused.length > 0 ? exit.partly : exit.ok;
  if (!watch || validateOnly) {
    await out.item(sentShape, sent);
    return status;
  }
  // Most may have answered long ago.
  if (sent.replayed) return (await watchOpen({ io, out }, mdm, commandUuid)) || status;
  await out.note(`${requestType} ${commandUuid} is queued for ${total}.`);
  const results = sent.results({ untilDone: true, checkpoints: true, signal: io.interrupted });
  return (await showOutcomes({ io, out }, { commandUuid, cursor, total }, results)) || status;
}

function timingOf(given: Values<typeof flags>) {
  return {
    ...(given.priority !== undefined && { priority: given.priority }),
    notBefore: timeOf('not-before', given['not-before']),
    expiresAt: timeOf('expires', given.expires),
  };
}
