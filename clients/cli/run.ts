import { type Client, createClient } from '../sdk/client.ts';
import type { Command, Flags, Values } from './command.ts';
import { exit } from './exit.ts';
import { asFailure, type Failure, usage } from './failure.ts';
import { helpOf, helpOnAll } from './help.ts';
import type { Io } from './io.ts';
import { createOutput } from './output/output.ts';
import { styleOf } from './output/style.ts';
import { plainLines } from './output/text.ts';
import { parse } from './parse.ts';
import { type Server, serverOf } from './server.ts';
import { table } from './table.ts';

/**
 * Runs the program.
 * @param argv  what follows the program's name
 * @returns the status to exit with
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const opened: { client?: Client; server?: Server } = {};
  try {
    return await dispatch(argv, io, opened);
  } catch (error) {
    // Whatever was under way when the user ended it.
    if (io.interrupted.aborted && !(error instanceof Error && error.name === 'Failure')) {
      return exit.interrupted;
    }
    const failure = asFailure(error);
    await report(failure, io, opened.server?.token ?? io.env['GRAPHMDM_TOKEN']);
    return failure.status;
  } finally {
    opened.client?.close();
  }
}

async function dispatch(
  argv: readonly string[],
  io: Io,
  opened: { client?: Client; server?: Server },
): Promise<number> {
  const command = table.find(({ words }) => words.every((word, n) => argv[n] === word));
  if (command === undefined) return withoutCommand(argv, io);

  const { flags, args, url, help, json } = parse(command, argv.slice(command.words.length));
  if (help) {
    await io.stdout.write(helpOf(command));
    return exit.ok;
  }
  if (json !== null) checkFields(command, json);
  if (json?.length === 0) {
    for (const name of Object.keys(command.fields ?? {})) await io.stdout.write(`${name}\n`);
    return exit.ok;
  }
  const server = () => (opened.server ??= serverOf(url, io.env));
  return await command.run({
    // `parse` gave each flag the type of its value.
    flags: flags as Values<Flags>,
    args,
    io,
    url,
    out: createOutput(io, json),
    server,
    connect: () =>
      (opened.client ??= createClient({
        ...server(),
        // A person waits for it, so not for minutes; what is followed is tried without end all the same.
        retry: { attempts: 5 },
      })),
  });
}

async function withoutCommand(argv: readonly string[], io: Io): Promise<number> {
  const words = argv.filter((word) => !word.startsWith('-'));
  const asksHelp = argv.some((word) => word === '--help' || word === '-h') || argv[0] === 'help';
  const prefix = argv[0] === 'help' ? words.slice(1) : words;
  const isKnown = table.some((command) => prefix.every((word, n) => command.words[n] === word));
  if (isKnown && (asksHelp || argv.length === 0)) {
    const one = table.find((command) => command.words.join(' ') === prefix.join(' '));
    await io.stdout.write(one ? helpOf(one) : helpOnAll(table, prefix));
    return exit.ok;
  }
  // Only what is known is repeated: anything else could be a token.
  const noun = table.find((command) => command.words[0] === words[0])?.words[0];
  const verbs = table.filter((command) => command.words[0] === noun).map(({ words }) => words[1]);
  throw noun === undefined
    ? usage('There is no such command.', '`graphmdm --help` lists them.')
    : usage(`What about ${noun}?`, `There is: ${verbs.join(', ')}.`);
}

function checkFields({ fields = {} }: Command, names: readonly string[]): void {
  const unknown = names.filter((name) => !Object.hasOwn(fields, name));
  if (unknown.length === 0) return;
  throw usage(
    `There is no field ${unknown.join(', ')}.`,
    `There are: ${Object.keys(fields).join(', ')}.`,
  );
}

async function report(failure: Failure, { stderr, env }: Io, token: string | undefined) {
  const style = styleOf(stderr, env);
  const { code, message, advice } = failure;
  const lines = [`${style.error(`error ${code}:`)} ${plainLines(message)}`];
  if (advice !== null) lines.push(plainLines(advice));
  const text = `${lines.join('\n')}\n`;
  await stderr.write(token ? text.replaceAll(token, '<token>') : text);
}
