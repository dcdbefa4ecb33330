import { typed } from '../document.ts';
import type {
  CommandResultsSubscription,
  CommandResultsSubscriptionVariables,
} from '../generated/operations.ts';
import { eventFields } from './event.ts';

/** What becomes of commands. */
export const commandResultsDocument = typed<
  CommandResultsSubscription,
  CommandResultsSubscriptionVariables
>(/* GraphQL */ `
  subscription CommandResults($filter: CommandResultFilterInput, $after: String) {
    commandResults(filter: $filter, after: $after) {
      __typename
      ... on Checkpoint {
        cursor
      }
      ... on CommandAnsweredEvent {
        ...EventFields
        requestType
        status
        late
        ended
        result {
          decoded
          errorChain {
            errorCode
            errorDomain
            localizedDescription
            usEnglishDescription
          }
        }
      }
      ... on CommandNotNowEvent {
        ...EventFields
        requestType
        notNowTally
      }
      ... on CommandEndedEvent {
        ...EventFields
        requestType
        reason
      }
    }
  }
  ${eventFields}
`);
