import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from '../clients/cli/command.ts';
import { flagRows, usageOf } from '../clients/cli/help.ts';
import { table } from '../clients/cli/table.ts';

// Writes docs/cli.md from the table of commands; with --check it only says whether that is needed.
// Run from the package's root.

const file = 'docs/cli.md';

function markdown(): string {
  const index = table.map(
    (command) => `| [\`${nameOf(command)}\`](#${anchorOf(command)}) | ${escaped(command.what)} |`,
  );
  return `<!-- Made from clients/cli/table.ts by scripts/docs-cli.ts. -->

# graphmdm: every command

[clients.md](clients.md#the-command-line) shows how to use it, and says what all commands have in common.

| command | |
|---|---|
${index.join('\n')}

${table.map(section).join('\n\n')}
`;
}

function section(command: Command): string {
  const parts = [
    `## ${nameOf(command)}`,
    `${command.what[0]?.toUpperCase()}${command.what.slice(1)}.`,
  ];
  parts.push(`    ${usageOf(command)}`);
  const rows = flagRows(command.flags);
  if (command.argument) rows.unshift([command.argument.name, command.argument.what]);
  if (rows.length > 0) {
    const lines = rows.map(([left, right]) => `| \`${left}\` | ${escaped(right)} |`);
    parts.push(['| | |', '|---|---|', ...lines].join('\n'));
  }
  if (command.fields) {
    const names = Object.keys(command.fields).map((name) => `\`${name}\``);
    parts.push(`Fields: ${names.join(', ')}.`);
  }
  if (command.more !== undefined) parts.push(command.more);
  parts.push(command.examples.map((line) => `    ${line}`).join('\n'));
  return parts.join('\n\n');
}

function nameOf({ words }: Command): string {
  return words.join(' ');
}

function anchorOf({ words }: Command): string {
  return words.join('-');
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|');
}

function readOrEmpty(): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

if (!process.argv.includes('--check')) {
  writeFileSync(file, markdown());
} else if (readOrEmpty() !== markdown()) {
  process.stderr.write(
    `${file} is not what the table of commands makes; run scripts/docs-cli.ts.\n`,
  );
  process.exitCode = 1;
}
