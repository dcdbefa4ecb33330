import { graphql } from '../../../generated/gql/gql.ts';
import { command } from '../command.ts';
import { exit } from '../exit.ts';
import { limitFlag, pageSize, upTo } from '../lists.ts';
import { jobShape } from './shape.ts';

const document = graphql(`
  query CliJobs($states: [JobState!], $kinds: [String!], $first: Int, $after: String) {
    jobs(states: $states, kinds: $kinds, first: $first, after: $after) {
      edges {
        node {
          ...CliJobFields
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

const states = ['QUEUED', 'RUNNING', 'PAUSED', 'SUCCEEDED', 'FAILED', 'CANCELLED'] as const;

export const jobsList = command({
  words: ['jobs', 'list'],
  what: 'lists jobs, the newest first',
  flags: {
    state: { type: 'list', value: 'STATE', choices: states, what: 'only in one of these states' },
    kind: { type: 'list', value: 'KIND', what: 'only of one of these kinds' },
    ...limitFlag,
  },
  fields: jobShape.fields,
  examples: ['graphmdm jobs list --state running,paused'],
  async run({ flags: { state, kind, limit = 30 }, out, connect }) {
    const rows = connect().list(document, {
      states: state.length > 0 ? state : null,
      kinds: kind.length > 0 ? kind : null,
      first: pageSize(limit),
    });
    await out.list(jobShape, upTo(limit, rows));
    return exit.ok;
  },
});
