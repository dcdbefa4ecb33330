import { graphql } from '../../generated/gql/gql.ts';

export const whoAmI = graphql(`
  query WhoAmI {
    viewer {
      actor
      scopes
      allTenants
      tenantId
      expiresAt
      tenant {
        tenantId
        name
      }
      apiToken {
        tokenId
        name
      }
    }
  }
`);

export const listTokens = graphql(`
  query ListTokens($first: Int, $after: String) {
    apiTokens(first: $first, after: $after) {
      edges {
        node {
          tokenId
          name
          scopes
          state
          allTenants
          tenant {
            tenantId
          }
          createdBy
          expiresAt
          revokedBy
          replaces
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const createToken = graphql(`
  mutation CreateToken($input: CreateApiTokenInput!) {
    createApiToken(input: $input) {
      __typename
      ... on NewApiTokenPayload {
        secret
        replayed
        cursor
        apiToken {
          tokenId
          name
          scopes
          state
          expiresAt
        }
      }
      ... on Error {
        code
        path
        message
      }
    }
  }
`);

export const rotateToken = graphql(`
  mutation RotateToken($input: RotateApiTokenInput!) {
    rotateApiToken(input: $input) {
      __typename
      ... on NewApiTokenPayload {
        secret
        replayed
        apiToken {
          tokenId
          name
          scopes
          replaces
          expiresAt
        }
      }
      ... on Error {
        code
        path
        message
      }
    }
  }
`);

export const updateToken = graphql(`
  mutation UpdateToken($input: UpdateApiTokenInput!) {
    updateApiToken(input: $input) {
      __typename
      ... on ChangedApiTokenPayload {
        apiToken {
          name
          scopes
          expiresAt
        }
      }
      ... on Error {
        code
        path
        message
      }
    }
  }
`);

export const revokeToken = graphql(`
  mutation RevokeToken($input: RevokeApiTokenInput!) {
    revokeApiToken(input: $input) {
      __typename
      ... on ChangedApiTokenPayload {
        apiToken {
          state
          revokedBy
        }
      }
      ... on Error {
        code
        path
        message
      }
    }
  }
`);

export const createTenant = graphql(`
  mutation CreateTenant($input: CreateTenantInput!) {
    createTenant(input: $input) {
      __typename
      ... on TenantPayload {
        tenant {
          tenantId
          name
        }
        replayed
      }
      ... on Error {
        code
        path
        message
      }
    }
  }
`);

export const renameTenant = graphql(`
  mutation RenameTenant($input: RenameTenantInput!) {
    renameTenant(input: $input) {
      __typename
      ... on TenantPayload {
        tenant {
          tenantId
          name
        }
      }
      ... on Error {
        code
        path
        message
      }
    }
  }
`);

export const listTenants = graphql(`
  query ListTenants {
    tenants {
      edges {
        node {
          tenantId
          name
        }
      }
    }
  }
`);

export const moveEnrollments = graphql(`
  mutation MoveEnrollments($input: MoveEnrollmentsInput!) {
    moveEnrollments(input: $input) {
      __typename
      ... on MoveEnrollmentsPayload {
        movedCount
        endedCount
        job {
          jobId
          total
        }
        cursor
        validateOnly
        replayed
        sample {
          enrollmentId
        }
      }
      ... on Error {
        code
        path
        message
      }
    }
  }
`);

export const audit = graphql(`
  query Audit($filter: AuditEntryFilterInput, $first: Int, $after: String) {
    auditEntries(filter: $filter, first: $first, after: $after) {
      edges {
        node {
          at
          actor
          action
          traceId
          details
          tenant {
            tenantId
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

export const seenOf = graphql(`
  query SeenOf($id: String!) {
    enrollment(enrollmentId: $id) {
      enrollmentId
      ... on DeviceEnrollment {
        userChannels {
          edges {
            node {
              enrollmentId
            }
          }
        }
      }
      queue {
        edges {
          node {
            commandUuid
          }
        }
      }
      results {
        edges {
          node {
            commandUuid
            ended
          }
        }
      }
      checkIns {
        edges {
          node {
            messageType
          }
        }
      }
    }
  }
`);

export const liveEvents = graphql(`
  subscription LiveEvents($after: String) {
    events(after: $after) {
      __typename
      ... on Event {
        actor
        enrollmentId
        enrollment {
          enrollmentId
        }
        command {
          uuid
        }
      }
      ... on EnrollmentMovedEvent {
        arrived
      }
      ... on Checkpoint {
        cursor
      }
    }
  }
`);

export const cursorNow = graphql(`
  query CursorNow {
    eventCursor
  }
`);
