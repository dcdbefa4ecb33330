import { typed } from '../document.ts';
import type {
  JobProgressSubscription,
  JobProgressSubscriptionVariables,
} from '../generated/operations.ts';
import { eventFields } from './event.ts';

/** How jobs get on. */
export const jobProgressDocument = typed<JobProgressSubscription, JobProgressSubscriptionVariables>(
  /* GraphQL */ `
    subscription JobProgress($job: ID, $after: String) {
      jobProgress(job: $job, after: $after) {
        __typename
        ... on Checkpoint {
          cursor
        }
        ... on JobProgressedEvent {
          ...EventFields
          kind
          state
          done
          failed
          total
        }
      }
    }
    ${eventFields}
  `,
);
