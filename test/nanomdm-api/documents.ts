import { graphql } from '../../generated/gql/gql.ts';

export const unlock = graphql(`
  mutation NanomdmApiUnlock($input: EscrowKeyUnlockInput!) {
    escrowKeyUnlock(input: $input) {
      __typename
      ... on EscrowKeyUnlockPayload {
        unlocked
        status
        body
        cursor
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
