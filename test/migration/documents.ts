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
