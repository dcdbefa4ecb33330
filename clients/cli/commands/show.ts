import { graphql } from '../../../generated/gql/gql.ts';
import { command } from '../command.ts';
import { exit } from '../exit.ts';
import { noCommand } from './missing.ts';
import { commandShape } from './shape.ts';

const document = graphql(`
  query CliCommand($uuid: String!) {
    command(uuid: $uuid) {
      ...CliCommandFields
    }
  }
`);

export const commandsShow = command({
  words: ['commands', 'show'],
  what: 'shows one command, and how it gets on',
  argument: { name: 'UUID', what: 'its CommandUUID' },
  flags: {},
  fields: commandShape.fields,
  examples: ['graphmdm commands show 0bd2… --json finished,progress'],
  async run({ args: [uuid = ''], out, connect }) {
    const { command } = await connect().query(document, { uuid });
    if (!command) throw noCommand(uuid);
    await out.item(commandShape, command);
    return exit.ok;
  },
});
