import { graphql } from '../../../generated/gql/gql.ts';
import { command } from '../command.ts';
import type { DataOf } from '../document.ts';
import { exit } from '../exit.ts';
import { limitFlag, pageSize, upTo } from '../lists.ts';
import { own, shape } from '../output/fields.ts';

const invitationFields = graphql(`
  fragment CliInvitationFields on EnrollmentInvitation {
    id
    invitationId
    description
    state
    topic
    tags
    useCount
    useLimit
    createdAt
    createdBy
    expiresAt
    lastUsedAt
    revokedAt
    revokedBy
  }
`);

const document = graphql(`
  query CliInvitations($first: Int, $after: String) {
    enrollmentInvitations(first: $first, after: $after) {
      edges {
        node {
          ...CliInvitationFields
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

const invitationShape = shape(
  own<DataOf<typeof invitationFields>>()({
    invitationId: 'its id',
    id: 'its global id',
    description: 'what it is for',
    state: 'whether it can be used',
    topic: 'topic of its profiles',
    tags: 'tags that its devices get',
    useCount: 'how often it was used',
    useLimit: 'how often it may be used; null: as often as one likes',
    createdAt: 'when it was made',
    createdBy: 'by whom',
    expiresAt: 'until when it can be used',
    lastUsedAt: 'when it was last used',
    revokedAt: 'when it was revoked',
    revokedBy: 'by whom',
  }),
  [
    ['invitationId', 'ID'],
    ['description', 'DESCRIPTION'],
    ['state', 'STATE'],
    ['useCount', 'USED'],
    ['useLimit', 'LIMIT'],
    ['expiresAt', 'EXPIRES'],
  ],
);

export const invitationsList = command({
  words: ['invitations', 'list'],
  what: 'lists enrolment invitations, the newest first',
  flags: limitFlag,
  fields: invitationShape.fields,
  examples: ['graphmdm invitations list'],
  async run({ flags: { limit = 30 }, out, connect }) {
    const rows = connect().list(document, { first: pageSize(limit) });
    await out.list(invitationShape, upTo(limit, rows));
    return exit.ok;
  },
});
