import { graphql } from '../../../generated/gql/gql.ts';
import type { CliCommandTargetsQuery } from '../../../generated/gql/graphql.ts';
import type { Client } from '../../sdk/client.ts';
import { command } from '../command.ts';
import { exit } from '../exit.ts';
import { limitFlag, pageSize, upTo } from '../lists.ts';
import { own, shape } from '../output/fields.ts';
import { noCommand } from './missing.ts';

const document = graphql(`
  query CliCommandTargets($uuid: String!, $states: [TargetState!], $first: Int, $after: String) {
    command(uuid: $uuid) {
      targets(states: $states, first: $first, after: $after) {
        edges {
          node {
            enrollmentId
            state
            status
            rule
            queuedAt
            firstSentAt
            notNowAt
            notNowTally
            answeredAt
            endedAt
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

type Command = NonNullable<CliCommandTargetsQuery['command']>;
type Row = Command['targets']['edges'][number]['node'];

const targetShape = shape(
  own<Row>()({
    enrollmentId: 'whose part it is',
    state: 'how it stands, such as PENDING, NOT_NOW, ACKNOWLEDGED, ERROR',
    status: "the device's own word",
    rule: 'why it was not queued',
    queuedAt: 'since when it waits',
    firstSentAt: 'when it was first delivered',
    notNowAt: 'when the device last put it off',
    notNowTally: 'how often it did',
    answeredAt: 'when the device answered',
    endedAt: 'when its part ended',
  }),
  [
    ['enrollmentId', 'ENROLMENT'],
    ['state', 'STATE'],
    ['rule', 'RULE'],
    ['firstSentAt', 'SENT'],
    ['answeredAt', 'ANSWERED'],
    ['notNowTally', 'NOT NOW'],
  ],
);

const targetStates = [
  'PENDING',
  'NOT_NOW',
  'ACKNOWLEDGED',
  'ERROR',
  'REFUSED',
  'CANCELLED',
  'CLEARED',
  'EXPIRED',
  'MOVED',
  'RE_ENROLLED',
  'UNENROLLED',
] as const;

export const commandsTargets = command({
  words: ['commands', 'targets'],
  what: 'lists the targets of a command, and how each stands',
  argument: { name: 'UUID', what: 'its CommandUUID' },
  flags: {
    state: {
      type: 'list',
      value: 'STATE',
      choices: targetStates,
      what: 'only in one of these states',
    },
    ...limitFlag,
  },
  fields: targetShape.fields,
  examples: ['graphmdm commands targets 0bd2… --state error,refused --json enrollmentId'],
  async run({ args: [uuid = ''], flags: { state, limit = 30 }, out, connect }) {
    const wanted = state.length > 0 ? state : null;
    const rows = targetsOfCommand(connect(), uuid, wanted, pageSize(limit));
    await out.list(targetShape, upTo(limit, rows));
    return exit.ok;
  },
});

/** @throws {Failure} there is no such command */
export async function* targetsOfCommand(
  mdm: Client,
  uuid: string,
  states: (typeof targetStates)[number][] | null,
  first: number,
): AsyncGenerator<Row> {
  let after: string | null = null;
  do {
    const found: CliCommandTargetsQuery = await mdm.query(document, { uuid, states, first, after });
    if (!found.command) throw noCommand(uuid);
    const { edges, pageInfo } = found.command.targets;
    for (const { node } of edges) yield node;
    after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  } while (after !== null);
}
