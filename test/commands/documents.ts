import { graphql } from '../../generated/gql/gql.ts';

// What integrators ask about commands, as these tests do.

export const enqueueCommand = graphql(`
  mutation ControlEnqueue($input: EnqueueCommandInput!) {
    enqueueCommand(input: $input) {
      __typename
      ... on Error {
        code
        message
        path
      }
      ... on EnqueueCommandPayload {
        commandUuid
        queuedCount
        refusedCount
        cursor
        refused {
          edges {
            node {
              id
              code
            }
          }
        }
      }
    }
  }
`);

export const cancelCommand = graphql(`
  mutation ControlCancel($input: CancelCommandInput!) {
    cancelCommand(input: $input) {
      __typename
      ... on Error {
        code
        message
        path
      }
      ... on CancelCommandPayload {
        count
        replayed
        cursor
        enrollments {
          enrollmentId
        }
        command {
          uuid
        }
        job {
          jobId
          kind
          total
        }
        refused {
          edges {
            node {
              id
              code
              message
            }
          }
        }
      }
    }
  }
`);

export const clearQueue = graphql(`
  mutation ControlClear($input: ClearQueueInput!) {
    clearQueue(input: $input) {
      __typename
      ... on Error {
        code
        message
        path
      }
      ... on ClearQueuePayload {
        count
        validateOnly
        cursor
        job {
          jobId
          kind
          total
        }
      }
    }
  }
`);

export const setCommandPriority = graphql(`
  mutation ControlPriority($input: SetCommandPriorityInput!) {
    setCommandPriority(input: $input) {
      __typename
      ... on Error {
        code
        message
        path
      }
      ... on SetCommandPriorityPayload {
        count
        cursor
        job {
          jobId
        }
        command {
          priority
        }
      }
    }
  }
`);

export const retryCommand = graphql(`
  mutation ControlRetry($input: RetryCommandInput!) {
    retryCommand(input: $input) {
      __typename
      ... on Error {
        code
        message
        path
      }
      ... on RetryCommandPayload {
        commandUuid
        queuedCount
        replayed
        validateOnly
        command {
          uuid
          raw
          requestType
          retryOf {
            uuid
          }
        }
      }
    }
  }
`);

export const targetsOf = graphql(`
  query ControlTargets($uuid: String!, $states: [TargetState!]) {
    command(uuid: $uuid) {
      targetCount
      refusedCount
      targets(states: $states) {
        edges {
          node {
            enrollmentId
            state
            status
            rule
            result {
              status
              ended
              decoded
            }
          }
        }
      }
    }
  }
`);

export const followCommand = graphql(`
  subscription FollowCommand($command: String!, $after: String) {
    commandProgress(command: $command, after: $after) {
      __typename
      ... on Checkpoint {
        cursor
      }
      ... on CommandProgressSnapshot {
        cursor
        progress {
          total
          pending
          notNow
          acknowledged
          error
          refused
          cancelled
          cleared
          expired
          unenrolled
          reEnrolled
          moved
          finished
        }
      }
    }
  }
`);
