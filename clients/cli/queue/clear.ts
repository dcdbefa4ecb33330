import { graphql } from '../../../generated/gql/gql.ts';
import { command } from '../command.ts';
import { confirmed, confirmFlags } from '../confirm.ts';
import { exit } from '../exit.ts';
import { targetFlags, targetsOf } from '../targets.ts';
import { queueWorkShape } from './shape.ts';

const document = graphql(`
  mutation CliClearQueue($input: ClearQueueInput!) {
    clearQueue(input: $input) {
      __typename
      ... on ClearQueuePayload {
        count
        job {
          jobId
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

export const queueClear = command({
  words: ['queue', 'clear'],
  what: 'takes all commands out of queues',
  flags: { ...targetFlags, ...confirmFlags },
  fields: queueWorkShape.fields,
  examples: [
    'graphmdm queue clear --to 00008110-000A2D9E3C41801E',
    'graphmdm queue clear --tag retired --yes --expected-count 40',
  ],
  async run(call) {
    const targets = targetsOf(call.flags);
    const mdm = call.connect();
    const answer = await confirmed(
      call,
      'Clearing',
      async (attempt) =>
        (await mdm.mutate(document, { input: { targets, ...attempt } })).clearQueue,
      ({ count }) => count,
    );
    await call.out.item(queueWorkShape, answer);
    return exit.ok;
  },
});
