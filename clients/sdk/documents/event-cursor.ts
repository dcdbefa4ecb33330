import { typed } from '../document.ts';
import type { EventCursorQuery, EventCursorQueryVariables } from '../generated/operations.ts';

/** The position of the newest event. */
export const eventCursorDocument = typed<EventCursorQuery, EventCursorQueryVariables>(
  /* GraphQL */ `
    query EventCursor {
      eventCursor
    }
  `,
);
