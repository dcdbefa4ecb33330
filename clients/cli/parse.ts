import type { Command, Flag, Flags } from './command.ts';
import { usage } from './failure.ts';

/** What every command takes. */
export const commonFlags = {
  url: { type: 'text', value: 'URL', what: 'the server; else GRAPHMDM_URL, else as logged in' },
  help: { type: 'switch', what: 'say how it is used' },
} as const satisfies Flags;

/** A command line, understood. */
export interface Parsed {
  readonly flags: Readonly<Record<string, unknown>>;
  readonly args: readonly string[];
  readonly url: string | undefined;
  readonly help: boolean;
  /** Fields of `--json`; empty: it was given alone; null: it was not given. */
  readonly json: readonly string[] | null;
}

/**
 * Reads what follows a command's words.
 * @throws {Failure} a flag or argument that the command does not have, or a value that does not fit.
 *   No value is repeated in it: one could be a token.
 */
export function parse(command: Command, words: readonly string[]): Parsed {
  const flags: Flags = { ...command.flags, ...commonFlags };
  const given = new Map<string, string[]>();
  const args: string[] = [];
  let json: string[] | null = null;

  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      args.push(...rest);
      break;
    }
    if (word === '-h') word = '--help';
    if (!word.startsWith('--')) {
      if (word.startsWith('-') && word !== '-') throw unknownFlag(command, word.slice(0, 2));
      args.push(word);
      continue;
    }
    const equals = word.indexOf('=');
    const name = word.slice(2, equals < 0 ? undefined : equals);
    const attached = equals < 0 ? undefined : word.slice(equals + 1);
    const isValue = () => rest[0] !== undefined && !/^-./.test(rest[0]);
    if (name === 'json' && command.fields) {
      json = split([attached ?? (isValue() ? (rest.shift() ?? '') : '')]);
      continue;
    }
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (flag === undefined) throw unknownFlag(command, `--${name}`);
    const values = given.get(name) ?? [];
    given.set(name, values);
    if (flag.type === 'switch') {
      if (attached !== undefined) throw usage(`--${name} takes no value.`);
      values.push('');
      continue;
    }
    if (values.length > 0 && flag.type !== 'list') throw usage(`--${name} is given twice.`);
    const value = attached ?? (isValue() ? rest.shift() : undefined);
    if (value === undefined) throw usage(`--${name} needs a value: ${flag.value}.`);
    values.push(value);
    if (flag.type === 'list' && flag.open) while (isValue()) values.push(rest.shift() ?? '');
  }

  const read: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(flags))
    read[name] = valueOf(name, flag, given.get(name));
  const help = given.has('help');
  if (!help && json?.length !== 0) checkArguments(command, args);
  const { url } = read;
  return { flags: read, args, url: typeof url === 'string' ? url : undefined, help, json };
}

function valueOf(name: string, flag: Flag, given: readonly string[] | undefined): unknown {
  if (flag.type === 'switch') return given !== undefined;
  if (flag.type === 'list') {
    const values = split(given ?? []);
    if (given && values.length === 0) throw usage(`--${name} needs a value: ${flag.value}.`);
    return values.map((value) => chosen(name, flag.choices, value));
  }
  const [value] = given ?? [];
  if (value === undefined) return undefined;
  if (flag.type === 'text') return chosen(name, flag.choices, value);
  const number = /^-?\d+$/.test(value) ? Number(value) : Number.NaN;
  const least = flag.least ?? 0;
  if (!Number.isSafeInteger(number) || number < least) {
    throw usage(`--${name} is a whole number from ${least} on.`);
  }
  return number;
}

/** Choices are taken in any case: `--state pending`. */
function chosen(name: string, choices: readonly string[] | undefined, value: string): string {
  if (choices === undefined) return value;
  const plain = (text: string) => text.toLowerCase().replaceAll(/[-_]/g, '');
  const found = choices.find((choice) => plain(choice) === plain(value));
  if (found === undefined) throw usage(`--${name} is one of ${choices.join(', ')}.`);
  return found;
}

function split(values: readonly string[]): string[] {
  return values.flatMap((value) => value.split(',')).filter((value) => value !== '');
}

function checkArguments({ words, argument }: Command, args: readonly string[]): void {
  const name = words.join(' ');
  const most = argument === undefined ? 0 : argument.many === 'one or more' ? Infinity : 1;
  if (argument && argument.many !== 'optional' && args.length === 0) {
    throw usage(`${argument.name} is missing: ${argument.what}.`, seeHelp(name));
  }
  if (args.length > most) throw usage(`\`${name}\` takes ${most || 'no'} argument.`, seeHelp(name));
}

function unknownFlag({ words, flags }: Command, flag: string): Error {
  if (flag === '--token') {
    return usage(
      'There is no --token: a command line can be read by others on this machine.',
      'Set GRAPHMDM_TOKEN, or log in with `graphmdm login`.',
    );
  }
  const like = Object.keys(flags).find((name) => name.startsWith(flag.slice(2)) && flag.length > 3);
  const name = words.join(' ');
  return usage(
    `\`${name}\` has no flag ${flag}.`,
    like === undefined ? seeHelp(name) : `Did you mean --${like}?`,
  );
}

function seeHelp(name: string): string {
  return `See \`graphmdm ${name} --help\`.`;
}
