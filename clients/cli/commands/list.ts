import { graphql } from '../../../generated/gql/gql.ts';
import { command } from '../command.ts';
import { exit } from '../exit.ts';
import { limitFlag, pageSize, upTo } from '../lists.ts';
import { timeOf } from '../times.ts';
import { commandShape } from './shape.ts';

const document = graphql(`
  query CliCommands($filter: CommandFilterInput, $first: Int, $after: String) {
    commands(filter: $filter, first: $first, after: $after) {
      edges {
        node {
          ...CliCommandFields
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const commandsList = command({
  words: ['commands', 'list'],
  what: 'lists commands, the newest first',
  flags: {
    type: { type: 'list', value: 'TYPE', what: 'only of one of these RequestTypes' },
    state: { type: 'text', value: 'STATE', choices: ['OPEN', 'FINISHED'], what: 'only these' },
    by: { type: 'text', value: 'ACTOR', what: 'only those that he sent, such as token:automation' },
    since: { type: 'text', value: 'TIME', what: 'only those sent since: a time, or 2d ago' },
    until: { type: 'text', value: 'TIME', what: 'only those sent before' },
    ...limitFlag,
  },
  fields: commandShape.fields,
  examples: ['graphmdm commands list --state open --type InstallProfile --since 7d'],
  async run({ flags, out, connect }) {
    const { limit = 30, type, state, by } = flags;
    const since = timeOf('since', flags.since, 'past');
    const until = timeOf('until', flags.until, 'past');
    const filter = {
      ...(type.length > 0 && { requestTypes: type }),
      ...(state && { state }),
      ...(by !== undefined && { createdBy: by }),
      ...(since && { createdFrom: since }),
      ...(until && { createdBefore: until }),
    };
    const rows = connect().list(document, { filter, first: pageSize(limit) });
    await out.list(commandShape, upTo(limit, rows));
    return exit.ok;
  },
});
