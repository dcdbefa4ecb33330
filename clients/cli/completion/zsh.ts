import type { Command } from '../command.ts';
import { type Choice, flagsOf, nouns, takesValue, valuesOf, verbs } from './candidates.ts';

/** Completion for zsh. */
export function zshCompletion(table: readonly Command[]): string {
  const cases = table.map((command) => {
    const specs = flagsOf(command).map(({ word, what, flag }) => {
      if (!takesValue(flag)) return `'${word}[${escaped(what)}]'`;
      const values = valuesOf(command, flag);
      const action = values === 'files' ? '_files' : `_values -s , value ${values.join(' ')}`;
      const done = values.length === 0 ? ' ' : action;
      return `'${word}[${escaped(what)}]:value:${done}'`;
    });
    const choices = command.argument?.choices;
    if (choices) specs.push(`'1:${command.argument?.name ?? ''}:(${choices.join(' ')})'`);
    const lines = specs.map((spec) => ` \\\n        ${spec}`).join('');
    return `    ('${command.words.join(' ')}')\n      _arguments${lines}\n      ;;`;
  });
  const verbCases = nouns(table)
    .map(({ word }) => ({ word, found: verbs(table, word) }))
    .filter(({ found }) => found.length > 0)
    .map(({ word, found }) => `      (${word}) choices=(${described(found)}) ;;`);
  return `#compdef graphmdm
# graphmdm: completion for zsh. In ~/.zshrc, behind compinit: source <(graphmdm completion zsh)
_graphmdm() {
  local -a choices
  local command=$words[2] depth=2
  if (( CURRENT == 2 )); then
    choices=(${described(nouns(table))})
    _describe command choices
    return
  fi
  case $words[2] in
    (${verbCases.map((line) => /\((\w+)\)/.exec(line)?.[1] ?? '').join('|')}) command="$words[2] $words[3]" depth=3 ;;
  esac
  if (( CURRENT == 3 && depth == 3 )); then
    case $words[2] in
${verbCases.join('\n')}
    esac
    _describe command choices
    return
  fi
  shift $(( depth - 1 )) words
  (( CURRENT -= depth - 1 ))
  case $command in
${cases.join('\n')}
  esac
}
compdef _graphmdm graphmdm
`;
}

function described(choices: readonly Choice[]): string {
  return choices.map(({ word, what }) => `'${word}:${quoted(what)}'`).join(' ');
}

function escaped(text: string): string {
  return quoted(text).replaceAll(/[[\]:]/g, '\\$&');
}

function quoted(text: string): string {
  return text.replaceAll("'", `'\\''`);
}
