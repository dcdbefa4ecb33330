import { graphql } from '../../../generated/gql/gql.ts';
import { command } from '../command.ts';
import { exit } from '../exit.ts';
import { limitFlag, pageSize, upTo } from '../lists.ts';
import { tokenShape } from './shape.ts';

const document = graphql(`
  query CliTokens($first: Int, $after: String) {
    apiTokens(first: $first, after: $after) {
      edges {
        node {
          ...CliTokenFields
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const tokensList = command({
  words: ['tokens', 'list'],
  what: 'lists API tokens, without their secrets',
  flags: limitFlag,
  fields: tokenShape.fields,
  examples: ['graphmdm tokens list --json tokenId,name,lastUsedAt'],
  async run({ flags: { limit = 30 }, out, connect }) {
    const rows = connect().list(document, { first: pageSize(limit) });
    await out.list(tokenShape, upTo(limit, rows));
    return exit.ok;
  },
});
