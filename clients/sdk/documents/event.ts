/** What each event has. */
export const eventFields = /* GraphQL */ `
  fragment EventFields on Event {
    id
    cursor
    at
    traceId
    actor
    enrollmentId
    commandUuid
  }
`;
