import type { Command } from '../command.ts';
import { flagsOf, nouns, takesValue, valuesOf, verbs } from './candidates.ts';

/** Completion for fish. */
export function fishCompletion(table: readonly Command[]): string {
  const all = nouns(table);
  const lines = all.map(
    ({ word, what }) =>
      `complete -c graphmdm -n __fish_use_subcommand -a ${word} -d ${quoted(what)}`,
  );
  for (const { word: noun } of all) {
    const found = verbs(table, noun);
    const names = found.map(({ word }) => word).join(' ');
    for (const { word, what } of found) {
      const when = `__fish_seen_subcommand_from ${noun}; and not __fish_seen_subcommand_from ${names}`;
      lines.push(`complete -c graphmdm -n ${quoted(when)} -a ${word} -d ${quoted(what)}`);
    }
  }
  for (const command of table) {
    const when = command.words.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
    for (const { word, what, flag } of flagsOf(command)) {
      const parts = [`-l ${word.slice(2)}`, `-d ${quoted(what)}`];
      if (takesValue(flag)) {
        const values = valuesOf(command, flag);
        if (values === 'files') parts.push('-r', '-F');
        else parts.push('-x', ...(values.length > 0 ? [`-a ${quoted(values.join(' '))}`] : []));
      }
      lines.push(`complete -c graphmdm -n ${quoted(when)} ${parts.join(' ')}`);
    }
    const choices = command.argument?.choices;
    if (choices) {
      lines.push(`complete -c graphmdm -n ${quoted(when)} -a ${quoted(choices.join(' '))}`);
    }
  }
  return `# graphmdm: completion for fish. In ~/.config/fish/config.fish: graphmdm completion fish | source
complete -c graphmdm -f
${lines.join('\n')}
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
