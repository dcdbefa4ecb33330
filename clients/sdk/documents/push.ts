import { typed } from '../document.ts';
import type {
  PushMutation,
  PushMutationVariables,
  PushOutcomesSubscription,
  PushOutcomesSubscriptionVariables,
} from '../generated/operations.ts';
import { eventFields } from './event.ts';

/** Pushes to enrolments. */
export const pushDocument = typed<PushMutation, PushMutationVariables>(/* GraphQL */ `
  mutation Push($input: PushEnrollmentsInput!) {
    pushEnrollments(input: $input) {
      __typename
      ... on PushEnrollmentsPayload {
        targetCount
        job {
          jobId
        }
        refused {
          id
          code
          message
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

/** What becomes of pushes. */
export const pushOutcomesDocument = typed<
  PushOutcomesSubscription,
  PushOutcomesSubscriptionVariables
>(/* GraphQL */ `
  subscription PushOutcomes($job: ID, $enrollments: [ID!], $after: String) {
    pushOutcomes(job: $job, enrollments: $enrollments, after: $after) {
      __typename
      ... on Checkpoint {
        cursor
      }
      ... on PushAcceptedEvent {
        ...EventFields
        apnsId
      }
      ... on PushFailedEvent {
        ...EventFields
        outcome
        reason
        retryInSeconds
      }
    }
  }
  ${eventFields}
`);
