import { graphql } from '../../../generated/gql/gql.ts';
import type { TargetsInput } from '../../../generated/gql/graphql.ts';
import { type Call, command } from '../command.ts';
import { confirmed, confirmFlags } from '../confirm.ts';
import { exit } from '../exit.ts';
import { queueWorkShape } from '../queue/shape.ts';
import { optionalTargetsOf, targetFlags, targetsOf } from '../targets.ts';

const document = graphql(`
  mutation CliCancelCommand($input: CancelCommandInput!) {
    cancelCommand(input: $input) {
      __typename
      ... on CancelCommandPayload {
        count
        job {
          jobId
        }
        refused(first: 100) {
          edges {
            node {
              id
              code
              message
            }
          }
        }
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

const flags = { ...targetFlags, ...confirmFlags } as const;
const argument = { name: 'UUID', what: 'the CommandUUID of the command' } as const;

export const commandsCancel = command({
  words: ['commands', 'cancel'],
  what: 'takes a command back from whoever has not answered it',
  argument,
  flags,
  fields: queueWorkShape.fields,
  examples: ['graphmdm commands cancel 0bd2…', 'graphmdm commands cancel 0bd2… --tag lab'],
  run: (call) => cancel(call, optionalTargetsOf(call.flags) ?? { all: true }),
});

export const queueCancel = command({
  words: ['queue', 'cancel'],
  what: 'takes one command out of the queues of those that are named',
  argument,
  flags,
  fields: queueWorkShape.fields,
  examples: ['graphmdm queue cancel 0bd2… --to 00008110-000A2D9E3C41801E'],
  run: (call) => cancel(call, targetsOf(call.flags)),
});

async function cancel(call: Call<typeof flags>, targets: TargetsInput): Promise<number> {
  const { args, out, connect } = call;
  const [commandUuid = ''] = args;
  const mdm = connect();
  const answer = await confirmed(
    call,
    'Taking it back',
    async (attempt) =>
      (await mdm.mutate(document, { input: { commandUuid, targets, ...attempt } })).cancelCommand,
    ({ count }) => count,
  );
  const refused = answer.refused.edges.map(({ node }) => node);
  for (const { id, message } of refused.slice(0, 10)) await out.note(`${id}: ${message}`);
  await out.item(queueWorkShape, answer);
  return refused.length > 0 ? exit.partly : exit.ok;
}
