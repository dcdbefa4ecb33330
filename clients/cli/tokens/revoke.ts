import { graphql } from '../../../generated/gql/gql.ts';
import { command } from '../command.ts';
import { done } from '../confirm.ts';
import { exit } from '../exit.ts';

const document = graphql(`
  mutation CliRevokeToken($input: RevokeApiTokenInput!) {
    revokeApiToken(input: $input) {
      __typename
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

export const tokensRevoke = command({
  words: ['tokens', 'revoke'],
  what: 'ends a token, and all that it holds open, within seconds',
  argument: { name: 'ID', what: 'its id' },
  flags: {},
  examples: ['graphmdm tokens revoke 3'],
  async run({ args: [tokenId = ''], out, connect }) {
    done((await connect().mutate(document, { input: { tokenId } })).revokeApiToken);
    await out.note(`Token ${tokenId} is revoked.`);
    return exit.ok;
  },
});
