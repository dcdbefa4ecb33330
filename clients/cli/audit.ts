import { graphql } from '../../generated/gql/gql.ts';
import type { CliAuditQuery } from '../../generated/gql/graphql.ts';
import { command } from './command.ts';
import { exit } from './exit.ts';
import { limitFlag, pageSize, upTo } from './lists.ts';
import { own, shape } from './output/fields.ts';
import { timeOf } from './times.ts';

const document = graphql(`
  query CliAudit($filter: AuditEntryFilterInput, $first: Int, $after: String) {
    auditEntries(filter: $filter, first: $first, after: $after) {
      edges {
        node {
          id
          at
          action
          actor
          traceId
          details
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

type Row = CliAuditQuery['auditEntries']['edges'][number]['node'];

const entryShape = shape(
  own<Row>()({
    at: 'when',
    actor: 'who',
    action: 'what he did',
    details: 'to what, as JSON',
    traceId: 'trace id of the request',
    id: 'its id',
  }),
  [
    ['at', 'AT'],
    ['actor', 'ACTOR'],
    ['action', 'ACTION'],
    ['details', 'DETAILS'],
  ],
);

export const audit = command({
  words: ['audit'],
  what: 'lists who has done what, the newest first',
  flags: {
    actor: { type: 'list', value: 'ACTOR', what: 'only by one of these, such as token:automation' },
    action: { type: 'list', value: 'ACTION', what: 'only one of these, such as enqueueCommand' },
    since: { type: 'text', value: 'TIME', what: 'only since: a time, or 2d ago' },
    until: { type: 'text', value: 'TIME', what: 'only before' },
    ...limitFlag,
  },
  fields: entryShape.fields,
  examples: ['graphmdm audit --action enqueueCommand --since 7d --json at,actor,details'],
  async run({ flags, out, connect }) {
    const { limit = 30, actor, action } = flags;
    const from = timeOf('since', flags.since, 'past');
    const until = timeOf('until', flags.until, 'past');
    const filter = {
      ...(actor.length > 0 && { actors: actor }),
      ...(action.length > 0 && { actions: action }),
      ...(from && { from }),
      ...(until && { until }),
    };
    const rows = connect().list(document, { filter, first: pageSize(limit) });
    await out.list(entryShape, upTo(limit, rows));
    return exit.ok;
  },
});
