import { graphql } from '../../../generated/gql/gql.ts';
import { command } from '../command.ts';
import { exit } from '../exit.ts';
import { filterFlags, filterOf } from '../filter.ts';
import { limitFlag, pageSize, upTo } from '../lists.ts';
import { enrollmentShape } from './shape.ts';

const document = graphql(`
  query CliEnrollments(
    $filter: EnrollmentFilterInput
    $orderBy: EnrollmentOrderInput
    $first: Int
    $after: String
  ) {
    enrollments(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
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
  what: 'lists devices',
  flags: {
    ...filterFlags,
    ...limitFlag,
    order: {
      type: 'text',
      value: 'BY',
      what: 'in this order; ENROLLMENT_ID unless said',
      choices: [
        'ENROLLMENT_ID',
        'SERIAL_NUMBER',
        'DEVICE_NAME',
        'LAST_SEEN',
        'ENROLLED_AT',
        'FIRST_SEEN',
        'OS_VERSION',
        'CERTIFICATE_EXPIRY',
      ],
    },
    descending: { type: 'switch', what: 'the other way round' },
  },
  fields: enrollmentShape.fields,
  examples: [
    'graphmdm enrollments list --enabled --tag lab',
    `graphmdm enrollments list --filter '{"not": {"tags": {"any": ["lab"]}}}'`,
    'graphmdm enrollments list --not-seen-since 14d --order last-seen',
    'graphmdm enrollments list --limit 1000 --json enrollmentId,serialNumber',
  ],
  async run({ flags, out, connect }) {
    const { limit = 30 } = flags;
    const filter = filterOf(flags);
    const rows = connect().list(document, {
      filter,
      orderBy: {
        field: flags.order ?? 'ENROLLMENT_ID',
        direction: flags.descending ? 'DESC' : 'ASC',
      },
      first: pageSize(limit),
    });
    await out.list(enrollmentShape, upTo(limit, rows));
    return exit.ok;
  },
});
