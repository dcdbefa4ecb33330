import type { Command, Flags } from './command.ts';
import { commonFlags } from './parse.ts';

/** Help on one command. */
export function helpOf(command: Command): string {
  const { words, what, more, argument, fields, examples } = command;
  const name = `graphmdm ${words.join(' ')}`;
  const parts = [`${what}.`, `usage: ${usageOf(command)}`];
  if (argument) parts.push(columns([[argument.name, argument.what]]));
  parts.push(columns(flagRows({ ...command.flags, ...commonFlags })));
  if (fields) {
    const rows = Object.entries(fields).map(([field, { what }]) => [field, what] as const);
    parts.push(`fields of --json:\n${columns(rows)}`);
  }
  if (more !== undefined) parts.push(more);
  if (examples.length > 0) {
    parts.push(`for example:\n${examples.map((line) => `  ${line}`).join('\n')}`);
  }
  return `${name}: ${parts.join('\n\n')}\n`;
}

/** Help on all, or on those whose words begin so. */
export function helpOnAll(table: readonly Command[], prefix: readonly string[] = []): string {
  const rows = table
    .filter(({ words }) => prefix.every((word, n) => words[n] === word))
    .map((command) => [command.words.join(' '), command.what] as const);
  return `graphmdm: manages Apple devices through the graph of a graphmdm server.

usage: graphmdm NOUN VERB [FLAGS]

${columns(rows)}

\`graphmdm NOUN VERB --help\` says more of each. Lists are tables on a terminal, and lines with tabs elsewhere;
\`--json FIELDS\` prints these fields, \`--json\` alone says which there are.

server and token: --url or GRAPHMDM_URL, and GRAPHMDM_TOKEN; else what \`graphmdm login\` keeps.
exit status: 0 done, 1 failed, 2 wrong usage, 3 not allowed, 4 partly failed, 130 interrupted.
`;
}

/** One line: its words, argument and flags. */
export function usageOf({ words, argument, flags, fields }: Command): string {
  const parts = ['graphmdm', ...words];
  if (argument) {
    const suffix = argument.many === 'one or more' ? '…' : '';
    parts.push(argument.many === 'optional' ? `[${argument.name}]` : `${argument.name}${suffix}`);
  }
  if (Object.keys(flags).length > 0) parts.push('[FLAGS]');
  if (fields) parts.push('[--json FIELDS]');
  return parts.join(' ');
}

/** Flags with what is said of them. */
export function flagRows(flags: Flags): (readonly [string, string])[] {
  return Object.entries(flags).map(([name, flag]) => {
    if (flag.type === 'switch') return [`--${name}`, flag.what];
    const value = flag.type === 'list' ? `${flag.value},…` : flag.value;
    const choices = 'choices' in flag && flag.choices ? `: ${flag.choices.join(', ')}` : '';
    return [`--${name} ${value}`, `${flag.what}${choices}`];
  });
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const widest = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(widest)}  ${right}`).join('\n');
}
