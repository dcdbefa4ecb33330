import { graphql } from '../../generated/gql/gql.ts';

export const renewals = graphql(`
  query CertificateRenewals($filter: CertificateRenewalFilter, $first: Int, $after: String) {
    certificateRenewals(filter: $filter, first: $first, after: $after) {
      edges {
        node {
          state
          reason
          advice
          attempts
          expiresAt
          askedAt
          retryAt
          noticedAt
          certificateSha256
          enrollment {
            enrollmentId
          }
          command {
            requestType
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const renewalOf = graphql(`
  query CertificateRenewalOf($enrollmentId: String!) {
    enrollment(enrollmentId: $enrollmentId) {
      ... on DeviceEnrollment {
        certificateRenewal {
          state
          reason
          advice
          attempts
          askedAt
          retryAt
        }
      }
    }
  }
`);

export const recordProfile = graphql(`
  mutation RecordEnrollmentProfile($input: RecordEnrollmentProfileInput!) {
    recordEnrollmentProfile(input: $input) {
      __typename
      ... on RecordEnrollmentProfilePayload {
        topic
        serverUrl
        recordedCount
        otherTopicCount
        enrollmentIds
        cursor
        replayed
        validateOnly
      }
      ... on Error {
        code
        path
      }
    }
  }
`);

export const leave = graphql(`
  mutation LeaveByRecord($input: UnenrollInput!) {
    unenroll(input: $input) {
      __typename
    }
  }
`);
