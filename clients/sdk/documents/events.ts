import { typed } from '../document.ts';
import type { EventsSubscription, EventsSubscriptionVariables } from '../generated/operations.ts';
import { eventFields } from './event.ts';

/** Everything that happens, with what every event has; for more, subscribe to a document of your own. */
export const eventsDocument = typed<EventsSubscription, EventsSubscriptionVariables>(
  /* GraphQL */ `
    subscription Events($filter: EventFilterInput, $after: String) {
      events(filter: $filter, after: $after) {
        __typename
        ... on Checkpoint {
          cursor
        }
        ... on Event {
          ...EventFields
        }
      }
    }
    ${eventFields}
  `,
);
