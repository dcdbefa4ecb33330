import { graphql } from '../../generated/gql/gql.ts';

/** The cheapest question that needs a token. */
export const eventCursor = graphql(`
  query ProcessEventCursor {
    eventCursor
  }
`);

export const enqueue = graphql(`
  mutation ProcessEnqueue($input: EnqueueCommandInput!) {
    enqueueCommand(input: $input) {
      __typename
      ... on EnqueueCommandPayload {
        commandUuid
        queuedCount
        cursor
      }
      ... on Error {
        message
      }
    }
  }
`);

export const commandResults = graphql(`
  subscription ProcessCommandResults($after: String) {
    commandResults(after: $after) {
      __typename
      ... on CommandAnsweredEvent {
        commandUuid
        enrollmentId
        status
      }
    }
  }
`);
