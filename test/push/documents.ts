import { graphql } from '../../generated/gql/gql.ts';

export const push = graphql(`
  mutation PushPush($input: PushEnrollmentsInput!) {
    pushEnrollments(input: $input) {
      __typename
      ... on PushEnrollmentsPayload {
        job {
          jobId
        }
        targetCount
        cursor
        replayed
        validateOnly
        refused {
          id
          code
        }
      }
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

export const pushAndWait = graphql(`
  mutation PushPushAndWait($input: PushEnrollmentsInput!) {
    pushEnrollments(input: $input) {
      __typename
      ... on PushEnrollmentsPayload {
        job {
          jobId
        }
        cursor
        replayed
        outcomes {
          enrollmentId
          push {
            state
            reason
            status
            apnsId
          }
        }
      }
      ... on Error {
        code
        message
      }
    }
  }
`);

export const enqueue = graphql(`
  mutation PushEnqueue($input: EnqueueCommandInput!) {
    enqueueCommand(input: $input) {
      __typename
      ... on EnqueueCommandPayload {
        commandUuid
        queuedCount
        cursor
        pushJob {
          jobId
          state
        }
      }
      ... on Error {
        code
        message
      }
    }
  }
`);

export const upload = graphql(`
  mutation PushUpload($input: UploadPushCertificateInput!) {
    uploadPushCertificate(input: $input) {
      __typename
      ... on UploadPushCertificatePayload {
        topic
        version
        cursor
      }
      ... on Error {
        code
        message
      }
    }
  }
`);

export const standing = graphql(`
  query PushStanding($id: String!) {
    enrollment(enrollmentId: $id) {
      push {
        state
        reason
        status
        apnsId
        attempts
        pushedAt
        acceptedAt
        retryAt
      }
    }
  }
`);

export const certificate = graphql(`
  query PushCertificateStanding($topic: String!) {
    pushCertificate(topic: $topic) {
      version
      stoppedAt
      stoppedReason
    }
  }
`);

export const job = graphql(`
  query PushJob($id: ID!) {
    job(id: $id) {
      jobId
      kind
      state
      done
      failed
      total
      createdBy
      startedAt
      finishedAt
      errors(first: 5) {
        edges {
          node {
            code
            message
            subject
          }
        }
      }
    }
  }
`);

export const jobs = graphql(`
  query PushJobs($states: [JobState!], $kinds: [String!]) {
    jobs(first: 50, states: $states, kinds: $kinds) {
      edges {
        node {
          jobId
          state
        }
      }
    }
  }
`);

export const cancel = graphql(`
  mutation PushCancelJob($id: ID!) {
    cancelJob(input: { jobId: $id }) {
      __typename
      ... on JobPayload {
        job {
          state
        }
      }
      ... on Error {
        code
      }
    }
  }
`);

export const pause = graphql(`
  mutation PushPauseJob($id: ID!) {
    pauseJob(input: { jobId: $id }) {
      __typename
      ... on JobPayload {
        job {
          state
        }
      }
      ... on Error {
        code
      }
    }
  }
`);

export const resume = graphql(`
  mutation PushResumeJob($id: ID!) {
    resumeJob(input: { jobId: $id }) {
      __typename
      ... on JobPayload {
        job {
          state
        }
      }
      ... on Error {
        code
      }
    }
  }
`);

export const progress = graphql(`
  subscription PushJobProgress($job: ID, $after: String) {
    jobProgress(job: $job, after: $after) {
      __typename
      ... on JobProgressedEvent {
        cursor
        state
        done
        failed
        total
      }
    }
  }
`);

export const outcomes = graphql(`
  subscription PushOutcomes($job: ID, $enrollments: [ID!], $after: String) {
    pushOutcomes(job: $job, enrollments: $enrollments, after: $after) {
      __typename
      ... on Event {
        cursor
        enrollmentId
      }
      ... on PushAcceptedEvent {
        apnsId
      }
      ... on PushFailedEvent {
        outcome
        reason
        status
        attempts
        retryInSeconds
      }
    }
  }
`);

export const events = graphql(`
  subscription PushEvents($after: String, $types: [EventType!]) {
    events(after: $after, filter: { types: $types }) {
      __typename
      ... on Event {
        cursor
        enrollmentId
      }
      ... on PushTopicStoppedEvent {
        topic
        reason
      }
      ... on PushFailedEvent {
        outcome
        retryInSeconds
      }
      ... on JobProgressedEvent {
        state
      }
    }
  }
`);

export const eventCursor = graphql(`
  query PushEventCursor {
    eventCursor
  }
`);

export const commandResults = graphql(`
  subscription PushCommandResults($after: String) {
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
