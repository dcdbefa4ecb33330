import type { Command } from '../command.ts';
import { flagsOf, nouns, takesValue, valuesOf, verbs } from './candidates.ts';

/** Completion for bash, without the package bash-completion. */
export function bashCompletion(table: readonly Command[]): string {
  const list = (choices: readonly { readonly word: string }[]) =>
    choices.map(({ word }) => word).join(' ');
  const verbCases = nouns(table)
    .map(({ word }) => ({ word, found: verbs(table, word) }))
    .filter(({ found }) => found.length > 0)
    .map(({ word, found }) => `    ${word}) words='${list(found)}' ;;`);
  const flagCases = table.map(
    (command) => `    '${command.words.join(' ')}') words='${list(flagsOf(command))}' ;;`,
  );
  const valueCases = table.flatMap((command) =>
    flagsOf(command)
      .filter(({ flag }) => takesValue(flag))
      .map(({ word, flag }) => {
        const values = valuesOf(command, flag);
        const found = values === 'files' ? 'files=1' : `words='${values.join(' ')}'`;
        return `    '${command.words.join(' ')} ${word}') ${found}; return 0 ;;`;
      }),
  );
  const arguments_ = table
    .filter(({ argument }) => argument?.choices)
    .map(
      ({ words, argument }) =>
        `    '${words.join(' ')}') words="$words ${argument?.choices?.join(' ') ?? ''}" ;;`,
    );
  return `# graphmdm: completion for bash. In ~/.bashrc: eval "$(graphmdm completion bash)"
_graphmdm_value() {
  case "$1 $2" in
${valueCases.join('\n')}
  esac
  return 1
}

_graphmdm() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}"
  local words='' files='' command="\${COMP_WORDS[1]}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='${list(nouns(table))} help'
  else
    case "$command" in
${verbCases.map((line) => line.replace(/words=.*/, `command="$command \${COMP_WORDS[2]}" ;;`)).join('\n')}
    esac
    if [ "$COMP_CWORD" -eq 2 ] && [ "$command" != "\${COMP_WORDS[1]}" ]; then
      case "\${COMP_WORDS[1]}" in
${verbCases.map((line) => `  ${line}`).join('\n')}
      esac
    elif ! _graphmdm_value "$command" "$before"; then
      case "$command" in
${flagCases.map((line) => `  ${line}`).join('\n')}
      esac
      case "$command" in
${[...arguments_, "    '') ;;"].map((line) => `  ${line}`).join('\n')}
      esac
    fi
  fi
  # Several values of a list stand behind one another, with commas between.
  local head=''
  case "$current" in
    *,*) head="\${current%,*}," ; current="\${current##*,}" ;;
  esac
  local word
  if [ -n "$files" ]; then
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current")
  else
    while IFS= read -r word; do COMPREPLY+=("$head$word"); done < <(compgen -W "$words" -- "$current")
  fi
}
complete -F _graphmdm graphmdm
`;
}
