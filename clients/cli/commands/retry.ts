import { graphql } from '../../../generated/gql/gql.ts';
import type { CliRetryCommandMutation } from '../../../generated/gql/graphql.ts';
import { command } from '../command.ts';
import { confirmed, confirmFlags } from '../confirm.ts';
import { exit } from '../exit.ts';
import { own, shape } from '../output/fields.ts';
import { optionalTargetsOf, targetFlags } from '../targets.ts';

const document = graphql(`
  mutation CliRetryCommand($input: RetryCommandInput!) {
    retryCommand(input: $input) {
      __typename
      ... on RetryCommandPayload {
        commandUuid
        requestType
        queuedCount
        refusedCount
        replayed
        cursor
      }
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

type Row = Extract<CliRetryCommandMutation['retryCommand'], { __typename: 'RetryCommandPayload' }>;

const retryShape = shape(
  own<Row>()({
    commandUuid: 'CommandUUID of the new command',
    requestType: 'its RequestType',
    queuedCount: 'for how many it was queued',
    refusedCount: 'for how many it was not',
    replayed: 'whether it had been done before',
    cursor: 'position from before, for --after',
  }),
  [],
);

const states = [
  'ERROR',
  'EXPIRED',
  'CANCELLED',
  'CLEARED',
  'REFUSED',
  'RE_ENROLLED',
  'UNENROLLED',
] as const;

export const commandsRetry = command({
  words: ['commands', 'retry'],
  what: 'sends a command once more to those of its targets that have not done it',
  argument: { name: 'UUID', what: 'its CommandUUID' },
  flags: {
    state: {
      type: 'list',
      value: 'STATE',
      choices: states,
      what: 'those that ended so; ERROR, EXPIRED and CANCELLED unless said',
    },
    ...targetFlags,
    'no-push': { type: 'switch', what: 'do not push' },
    ...confirmFlags,
  },
  fields: retryShape.fields,
  examples: ['graphmdm commands retry 0bd2… --state error'],
  async run(call) {
    const { args, flags, out, connect } = call;
    const [commandUuid = ''] = args;
    const targets = optionalTargetsOf(flags);
    const mdm = connect();
    const input = {
      commandUuid,
      push: !flags['no-push'],
      ...(targets && { targets }),
      ...(flags.state.length > 0 && { states: flags.state }),
    };
    const answer = await confirmed(
      call,
      'This command',
      async (attempt) =>
        (await mdm.mutate(document, { input: { ...input, ...attempt } })).retryCommand,
      ({ queuedCount }) => queuedCount,
    );
    await out.item(retryShape, answer);
    return answer.refusedCount > 0 ? exit.partly : exit.ok;
  },
});
