import { graphql } from '../../generated/gql/gql.ts';

export const createInvitation = graphql(`
  mutation CreateEnrollmentInvitation($input: CreateEnrollmentInvitationInput!) {
    createEnrollmentInvitation(input: $input) {
      __typename
      ... on CreateEnrollmentInvitationPayload {
        challenge
        enrollmentUrl
        cursor
        replayed
        invitation {
          id
          invitationId
          description
          tags
          topic
          state
          useLimit
          useCount
          expiresAt
          createdBy
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

export const revokeInvitation = graphql(`
  mutation RevokeEnrollmentInvitation($input: RevokeEnrollmentInvitationInput!) {
    revokeEnrollmentInvitation(input: $input) {
      __typename
      ... on RevokeEnrollmentInvitationPayload {
        replayed
        invitation {
          state
          revokedBy
        }
      }
      ... on Error {
        code
        path
      }
    }
  }
`);

export const invitation = graphql(`
  query EnrollmentInvitation($id: ID!) {
    enrollmentInvitation(id: $id) {
      invitationId
      state
      useCount
      lastUsedAt
    }
  }
`);

export const invitations = graphql(`
  query EnrollmentInvitations($first: Int, $after: String) {
    enrollmentInvitations(first: $first, after: $after) {
      edges {
        cursor
        node {
          invitationId
          description
        }
      }
      pageInfo {
        hasNextPage
      }
    }
  }
`);

export const profile = graphql(`
  query EnrollmentProfile($input: EnrollmentProfileInput!) {
    enrollmentProfile(input: $input) {
      __typename
      ... on EnrollmentProfile {
        mobileconfig
        text
        signed
        topic
        serverUrl
      }
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

export const authority = graphql(`
  query DeviceAuthority {
    deviceAuthority {
      generations {
        generation
        origin
        subject
        sha256
        certificate
        expiresAt
        createdBy
      }
      issuing {
        generation
      }
    }
  }
`);

export const renewAuthority = graphql(`
  mutation RenewDeviceAuthority($input: RenewDeviceAuthorityInput!) {
    renewDeviceAuthority(input: $input) {
      __typename
      ... on DeviceAuthorityPayload {
        replayed
        generation {
          generation
          origin
          sha256
        }
      }
      ... on Error {
        code
      }
    }
  }
`);

export const importAuthority = graphql(`
  mutation ImportDeviceAuthority($input: ImportDeviceAuthorityInput!) {
    importDeviceAuthority(input: $input) {
      __typename
      ... on DeviceAuthorityPayload {
        generation {
          generation
          origin
          sha256
        }
      }
      ... on Error {
        code
        path
      }
    }
  }
`);

export const issued = graphql(`
  query IssuedCertificates($filter: IssuedCertificateFilter, $first: Int, $after: String) {
    issuedCertificates(filter: $filter, first: $first, after: $after) {
      edges {
        node {
          id
          serialNumber
          sha256
          subject
          certificate
          issuerSha256
          expiresAt
          renewalOf
          revokedAt
          revokedBy
          revokedReason
          invitation {
            invitationId
            tags
          }
          enrollment {
            enrollmentId
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

export const revoke = graphql(`
  mutation RevokeIssuedCertificate($input: RevokeIssuedCertificateInput!) {
    revokeIssuedCertificate(input: $input) {
      __typename
      ... on RevokeIssuedCertificatePayload {
        replayed
        certificate {
          serialNumber
          revokedAt
          revokedReason
        }
      }
      ... on Error {
        code
      }
    }
  }
`);

export const follow = graphql(`
  subscription FollowEnrolment($after: String) {
    events(
      after: $after
      filter: {
        types: [
          CertificateIssued
          CertificateRevoked
          DeviceAuthorityAdded
          EnrollmentInvitationCreated
          EnrollmentInvitationRevoked
        ]
      }
    ) {
      __typename
      ... on Event {
        actor
      }
      ... on IssuedCertificateEvent {
        serialNumber
        certificateSha256
      }
      ... on CertificateIssuedEvent {
        subject
        expiresAt
        renewalOf
        invitationId
      }
      ... on CertificateRevokedEvent {
        reason
      }
      ... on DeviceAuthorityAddedEvent {
        generation
        certificateSha256
      }
      ... on EnrollmentInvitationEvent {
        invitationId
      }
    }
  }
`);
