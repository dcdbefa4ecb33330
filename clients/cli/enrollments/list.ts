import { graphql } from '../../../generated/gql/gql.ts';
import { command } from '../command.ts';
import { exit } from '../exit.ts';
import { filterFlags, filterOf } from '../filter.ts';
import { limitFlag, pageSize, upTo } from '../lists.ts';
import { enrollmentShape } from './shape.ts';

const document = graphql(`
  query CliEnrollments($filter: EnrollmentFilterInput, $first: Int, $after: String) {
    enrollments(filter: $filter, first: $first, after: $after) {
      edges {
        node {
          ...CliEnrollmentFields
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const enrollmentsList = command({
  words: ['enrollments', 'list'],
  what: 'lists devices, by id',
  flags: { ...filterFlags, ...limitFlag },
  fields: enrollmentShape.fields,
  examples: [
    'graphmdm enrollments list --enabled --tag lab',
    `graphmdm enrollments list --filter '{"not": {"tags": {"any": ["lab"]}}}'`,
    'graphmdm enrollments list --limit 1000 --json enrollmentId,serialNumber',
  ],
  async run({ flags, out, connect }) {
    const { limit = 30 } = flags;
    const filter = filterOf(flags);
    const rows = connect().list(document, { filter, first: pageSize(limit) });
    await out.list(enrollmentShape, upTo(limit, rows));
    return exit.ok;
  },
});
