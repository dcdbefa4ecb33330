import { graphql } from '../../../generated/gql/gql.ts';
import type { DataOf } from '../document.ts';
import { own, shape } from '../output/fields.ts';

const tokenFields = graphql(`
  fragment CliTokenFields on ApiToken {
    id
    tokenId
    name
    state
    scopes
    allTenants
    createdAt
    createdBy
    expiresAt
    lastUsedAt
    revokedAt
    revokedBy
    replaces
  }
`);

/** How a token is shown; its secret is not among it. */
export const tokenShape = shape(
  own<DataOf<typeof tokenFields>>()({
    tokenId: 'its id',
    id: 'its global id',
    name: 'what it is for',
    state: 'GOOD, EXPIRED or REVOKED',
    scopes: 'what it may',
    allTenants: 'whether it sees all tenants',
    createdAt: 'when it was made',
    createdBy: 'by whom',
    expiresAt: 'until when it is good',
    lastUsedAt: 'when it was last used',
    revokedAt: 'when it was revoked',
    revokedBy: 'by whom',
    replaces: 'id of the token that it took the place of',
  }),
  [
    ['tokenId', 'ID'],
    ['name', 'NAME'],
    ['state', 'STATE'],
    ['lastUsedAt', 'LAST USED'],
    ['expiresAt', 'EXPIRES'],
    ['scopes', 'SCOPES'],
  ],
);
