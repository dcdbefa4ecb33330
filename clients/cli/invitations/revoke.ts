import { graphql } from '../../../generated/gql/gql.ts';
import { command } from '../command.ts';
import { done } from '../confirm.ts';
import { exit } from '../exit.ts';

const document = graphql(`
  mutation CliRevokeInvitation($input: RevokeEnrollmentInvitationInput!) {
    revokeEnrollmentInvitation(input: $input) {
      __typename
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

export const invitationsRevoke = command({
  words: ['invitations', 'revoke'],
  what: 'ends an invitation; who has enrolled with it stays enrolled',
  argument: { name: 'ID', what: 'its id' },
  flags: {},
  examples: ['graphmdm invitations revoke 5'],
  async run({ args: [invitationId = ''], out, connect }) {
    const answer = await connect().mutate(document, { input: { invitationId } });
    done(answer.revokeEnrollmentInvitation);
    await out.note(`Invitation ${invitationId} is revoked.`);
    return exit.ok;
  },
});
