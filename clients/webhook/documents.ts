import { graphql } from '../../generated/gql/gql.ts';

/** What devices do, with all that NanoMDM's webhooks say of it. */
export const deviceEvents = graphql(`
  subscription WebhookEvents($filter: EventFilterInput, $after: String) {
    events(filter: $filter, after: $after) {
      __typename
      ... on Checkpoint {
        cursor
      }
      ... on Event {
        id
        cursor
        at
        traceId
        enrollmentId
        commandUuid
        enrollment {
          kind
          __typename
          ... on UserChannel {
            device {
              enrollmentId
              kind
            }
          }
        }
      }
      ... on EnrollmentAuthenticatedEvent {
        checkIn {
          ...WebhookCheckIn
        }
      }
      ... on EnrollmentTokenUpdatedEvent {
        tokenUpdateTally
        checkIn {
          ...WebhookCheckIn
        }
      }
      ... on EnrollmentCheckedOutEvent {
        checkIn {
          ...WebhookCheckIn
        }
      }
      ... on UserAuthenticateReceivedEvent {
        userEnrollmentId
        checkIn {
          ...WebhookCheckIn
          decoded
        }
      }
      ... on BootstrapTokenSetEvent {
        checkIn {
          ...WebhookCheckIn
        }
      }
      ... on BootstrapTokenRequestedEvent {
        checkIn {
          ...WebhookCheckIn
        }
      }
      ... on DeclarativeManagementReceivedEvent {
        checkIn {
          ...WebhookCheckIn
        }
      }
      ... on GetTokenReceivedEvent {
        checkIn {
          ...WebhookCheckIn
        }
      }
      ... on CommandAnsweredEvent {
        status
        result {
          raw
        }
      }
      ... on StrayReportReceivedEvent {
        status
        reportedCommandUuid
        report {
          raw
        }
      }
    }
  }

  fragment WebhookCheckIn on CheckIn {
    raw
    urlParams {
      name
      value
    }
  }
`);
