import { typed } from '../document.ts';
import type { EnqueueMutation, EnqueueMutationVariables } from '../generated/operations.ts';

/** Queues a command. */
export const enqueueDocument = typed<EnqueueMutation, EnqueueMutationVariables>(/* GraphQL */ `
  mutation Enqueue($input: EnqueueCommandInput!) {
    enqueueCommand(input: $input) {
      __typename
      ... on EnqueueCommandPayload {
        commandUuid
        requestType
        queuedCount
        refused(first: 100) {
          edges {
            node {
              id
              code
              message
            }
          }
        }
        validateOnly
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
