import { typed } from '../document.ts';
import type { EnrollmentsQuery, EnrollmentsQueryVariables } from '../generated/operations.ts';

/** Devices, a page at a time. */
export const enrollmentsDocument = typed<EnrollmentsQuery, EnrollmentsQueryVariables>(
  /* GraphQL */ `
    query Enrollments($filter: EnrollmentFilterInput, $first: Int, $after: String) {
      enrollments(filter: $filter, first: $first, after: $after) {
        totalCount
        totalCountIsEstimate
        edges {
          node {
            __typename
            id
            enrollmentId
            kind
            enabled
            udid
            serialNumber
            deviceName
            model
            modelName
            productName
            osVersion
            buildVersion
            topic
            enrolledAt
            lastSeenAt
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  `,
);
