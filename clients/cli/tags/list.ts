import { graphql } from '../../../generated/gql/gql.ts';
import type { CliTagsQuery } from '../../../generated/gql/graphql.ts';
import { command } from '../command.ts';
import { exit } from '../exit.ts';
import { limitFlag, pageSize, upTo } from '../lists.ts';
import { own, shape } from '../output/fields.ts';

const document = graphql(`
  query CliTags($prefix: String, $first: Int, $after: String) {
    tags(prefix: $prefix, first: $first, after: $after) {
      edges {
        node {
          name
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

type Row = CliTagsQuery['tags']['edges'][number]['node'];

const tagShape = shape(
  own<Row>()({
    name: 'the tag',
    enrollmentCount: 'how many enrolments have it, as far as they are counted',
  }),
  [
    ['name', 'TAG'],
    ['enrollmentCount', 'ENROLMENTS'],
  ],
);

export const tagsList = command({
  words: ['tags', 'list'],
  what: 'lists the tags that are in use',
  flags: {
    prefix: { type: 'text', value: 'TEXT', what: 'only those that begin so' },
    ...limitFlag,
  },
  fields: tagShape.fields,
  examples: ['graphmdm tags list --prefix lab'],
  async run({ flags: { prefix = null, limit = 30 }, out, connect }) {
    const rows = connect().list(document, { prefix, first: pageSize(limit) });
    await out.list(tagShape, upTo(limit, rows));
    return exit.ok;
  },
});
