import { graphql } from '../../../generated/gql/gql.ts';
import type { TagEnrollmentsInput } from '../../../generated/gql/graphql.ts';
import type { Client } from '../../sdk/client.ts';
import { type Command, command } from '../command.ts';
import { done } from '../confirm.ts';
import { exit } from '../exit.ts';
import { shape } from '../output/fields.ts';
import { targetFlags, targetsOf } from '../targets.ts';

const tag = graphql(`
  mutation CliTag($input: TagEnrollmentsInput!) {
    tagEnrollments(input: $input) {
      __typename
      ... on TagEnrollmentsPayload {
        targetCount
        changedCount
        unknownIds
      }
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

const untag = graphql(`
  mutation CliUntag($input: TagEnrollmentsInput!) {
    untagEnrollments(input: $input) {
      __typename
      ... on UntagEnrollmentsPayload {
        targetCount
        changedCount
        unknownIds
      }
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

interface Row {
  readonly targetCount: number;
  readonly changedCount: number;
  readonly unknownIds: readonly string[];
}

const tagShape = shape(
  {
    targetCount: { what: 'how many were meant', of: (row: Row) => row.targetCount },
    changedCount: { what: 'how many were changed', of: (row) => row.changedCount },
    unknownIds: { what: 'ids that are none', of: (row) => row.unknownIds },
  },
  [],
);

export const tagsAdd = change('add', 'gives tags to enrolments', async (mdm, input) =>
  done((await mdm.mutate(tag, { input })).tagEnrollments),
);

export const tagsRemove = change('remove', 'takes tags from enrolments', async (mdm, input) =>
  done((await mdm.mutate(untag, { input })).untagEnrollments),
);

function change(
  verb: string,
  what: string,
  send: (mdm: Client, input: TagEnrollmentsInput) => Promise<Row>,
): Command {
  return command({
    words: ['tags', verb],
    what,
    argument: { name: 'TAG', many: 'one or more', what: 'the tags' },
    flags: {
      ...targetFlags,
      'dry-run': { type: 'switch', what: 'change nothing; only say how many it would be' },
    },
    fields: tagShape.fields,
    examples: [`graphmdm tags ${verb} lab loaner --to 00008110-000A2D9E3C41801E`],
    async run({ args, flags, out, connect }) {
      const targets = targetsOf(flags);
      const input = { tags: [...args], targets, validateOnly: flags['dry-run'] };
      const changed = await send(connect(), input);
      await out.item(tagShape, changed);
      return changed.unknownIds.length > 0 ? exit.partly : exit.ok;
    },
  });
}
