import { graphql } from '../../generated/gql/gql.ts';

export const createUpload = graphql(`
  mutation MigrationCreateUpload($input: CreateUploadInput!) {
    createUpload(input: $input) {
      __typename
      ... on CreateUploadPayload {
        uploadId
        url
        expiresAt
        replayed
      }
      ... on Error {
        code
        message
      }
    }
  }
`);

export const upload = graphql(`
  query MigrationUpload($id: ID!) {
    upload(uploadId: $id) {
      uploadId
      state
      lines
      problem
      problemLine
    }
  }
`);

export const migrate = graphql(`
  mutation MigrationMigrate($input: MigrateEnrollmentsInput!) {
    migrateEnrollments(input: $input) {
      __typename
      ... on MigrateEnrollmentsPayload {
        job {
          jobId
        }
        lines
        cursor
        replayed
        validateOnly
      }
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

export const job = graphql(`
  query MigrationJob($id: ID!, $after: String) {
    job(id: $id) {
      jobId
      kind
      state
      done
      failed
      total
      errors(first: 100, after: $after) {
        pageInfo {
          hasNextPage
          endCursor
        }
        edges {
          node {
            line
            code
            subject
            message
          }
        }
      }
    }
  }
`);

export const progress = graphql(`
  subscription MigrationProgress($job: ID, $after: String) {
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

export const pause = graphql(`
  mutation MigrationPause($input: JobInput!) {
    pauseJob(input: $input) {
      __typename
    }
  }
`);

export const resume = graphql(`
  mutation MigrationResume($input: JobInput!) {
    resumeJob(input: $input) {
      __typename
    }
  }
`);

export const enrollment = graphql(`
  query MigrationEnrollment($id: String!) {
    enrollment(enrollmentId: $id) {
      __typename
      enrollmentId
      enabled
      disabledReason
      topic
      tokenUpdateTally
      ... on DeviceEnrollment {
        serialNumber
      }
    }
  }
`);

export const exportAll = graphql(`
  mutation MigrationExport($input: ExportEnrollmentsInput!) {
    exportEnrollments(input: $input) {
      __typename
      ... on ExportEnrollmentsPayload {
        job {
          jobId
        }
        url
        targetCount
        cursor
      }
      ... on Error {
        code
        message
      }
    }
  }
`);

export const enqueueOne = graphql(`
  mutation MigrationEnqueue($input: EnqueueCommandInput!) {
    enqueueCommand(input: $input) {
      __typename
    }
  }
`);
