import { graphql } from '../../generated/gql/gql.ts';

export const upload = graphql(`
  mutation UploadPushCertificate($input: UploadPushCertificateInput!) {
    uploadPushCertificate(input: $input) {
      __typename
      ... on UploadPushCertificatePayload {
        topic
        version
        cursor
        replayed
        pushCertificate {
          topic
          version
          enrollmentCount
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

export const list = graphql(`
  query PushCertificates($first: Int, $after: String) {
    pushCertificates(first: $first, after: $after) {
      edges {
        node {
          id
          topic
          subject
          issuer
          serialNumber
          sha256
          notBefore
          expiresAt
          expiresInDays
          version
          uploadedAt
          uploadedBy
          stoppedAt
          stoppedReason
          enrollmentCount
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const byTopic = graphql(`
  query PushCertificateByTopic($topic: String!) {
    pushCertificate(topic: $topic) {
      id
      topic
    }
  }
`);

export const byId = graphql(`
  query PushCertificateById($id: ID!) {
    node(id: $id) {
      ... on PushCertificate {
        topic
      }
    }
  }
`);

export const createRequest = graphql(`
  mutation CreatePushCertificateRequest($input: CreatePushCertificateRequestInput!) {
    createPushCertificateRequest(input: $input) {
      __typename
      ... on CreatePushCertificateRequestPayload {
        requestId
        csr
        signedRequest
        mdmcertRequest {
          url
          body
        }
        replayed
      }
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

export const openResponse = graphql(`
  mutation OpenMdmcertResponse($input: OpenMdmcertResponseInput!) {
    openMdmcertResponse(input: $input) {
      __typename
      ... on OpenMdmcertResponsePayload {
        requestId
        signedRequest
        replayed
      }
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

export const complete = graphql(`
  mutation CompletePushCertificateRequest($input: CompletePushCertificateRequestInput!) {
    completePushCertificateRequest(input: $input) {
      __typename
      ... on UploadPushCertificatePayload {
        topic
        version
        replayed
      }
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

export const events = graphql(`
  subscription PushCertificateEvents($after: String) {
    events(
      after: $after
      filter: {
        types: [PushCertificateUploaded, PushCertificateExpiring, PushCertificateExpired]
      }
    ) {
      __typename
      ... on PushCertificateEvent {
        cursor
        actor
        topic
        expiresAt
        pushCertificate {
          version
        }
      }
      ... on PushCertificateUploadedEvent {
        version
      }
      ... on PushCertificateExpiringEvent {
        withinDays
      }
    }
  }
`);
