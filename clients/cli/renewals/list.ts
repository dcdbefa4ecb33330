import { graphql } from '../../../generated/gql/gql.ts';
import type { CliRenewalsQuery } from '../../../generated/gql/graphql.ts';
import { command } from '../command.ts';
import { exit } from '../exit.ts';
import { limitFlag, pageSize, upTo } from '../lists.ts';
import { own, shape } from '../output/fields.ts';

const document = graphql(`
  query CliRenewals($filter: CertificateRenewalFilter, $first: Int, $after: String) {
    certificateRenewals(filter: $filter, first: $first, after: $after) {
      edges {
        node {
          enrollment {
            enrollmentId
          }
          state
          expiresAt
          reason
          advice
          attempts
          askedAt
          retryAt
          noticedAt
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

type Row = CliRenewalsQuery['certificateRenewals']['edges'][number]['node'];

const renewalShape = shape(
  {
    enrollmentId: {
      what: 'whose certificate',
      of: ({ enrollment }: Row) => enrollment?.enrollmentId ?? null,
    },
    ...own<Row>()({
      state: 'ASKED, FAILED, UNKNOWN_PROFILE or ENDED',
      expiresAt: 'when the certificate ends',
      reason: 'why the last try failed',
      advice: 'what to do',
      attempts: 'how often it was tried',
      askedAt: 'when it was last tried',
      retryAt: 'when it is tried again',
      noticedAt: 'since when it is due',
    }),
  },
  [
    ['enrollmentId', 'ENROLMENT'],
    ['state', 'STATE'],
    ['expiresAt', 'ENDS'],
    ['reason', 'REASON'],
    ['advice', 'ADVICE'],
  ],
);

const states = ['ASKED', 'FAILED', 'UNKNOWN_PROFILE', 'ENDED'] as const;

export const renewalsList = command({
  words: ['renewals', 'list'],
  what: 'lists devices whose certificate is being renewed, should be, or has ended',
  flags: {
    state: { type: 'list', value: 'STATE', choices: states, what: 'only in one of these states' },
    ...limitFlag,
  },
  fields: renewalShape.fields,
  examples: ['graphmdm renewals list --state failed,ended'],
  async run({ flags: { state, limit = 30 }, out, connect }) {
    const filter = state.length > 0 ? { states: state } : null;
    const rows = connect().list(document, { filter, first: pageSize(limit) });
    await out.list(renewalShape, upTo(limit, rows));
    return exit.ok;
  },
});
