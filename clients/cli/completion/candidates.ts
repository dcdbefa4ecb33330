import type { Command, Flag } from '../command.ts';
import { commonFlags } from '../parse.ts';

/** What may stand at a place, for a shell to offer. */
export interface Choice {
  readonly word: string;
  readonly what: string;
}

/** First words of commands. */
export function nouns(table: readonly Command[]): Choice[] {
  const found = new Map<string, string>();
  for (const { words, what } of table) {
    const [noun = ''] = words;
    const verbs = table.filter(({ words }) => words[0] === noun).map(({ words }) => words[1] ?? '');
    found.set(noun, words.length === 1 ? what : verbs.join(', '));
  }
  return [...found].map(([word, what]) => ({ word, what }));
}

/** Second words of commands that begin with a noun. */
export function verbs(table: readonly Command[], noun: string): Choice[] {
  return table
    .filter(({ words }) => words[0] === noun && words.length > 1)
    .map(({ words, what }) => ({ word: words[1] ?? '', what }));
}

/** A command's flags with two dashes, `--json` among them. */
export function flagsOf(command: Command): (Choice & { readonly flag: Flag | 'json' })[] {
  const flags = Object.entries({ ...command.flags, ...commonFlags });
  const named = flags.map(([name, flag]) => ({ word: `--${name}`, what: flag.what, flag }));
  if (!command.fields) return named;
  return [...named, { word: '--json', what: 'print these fields as JSON', flag: 'json' }];
}

/** What a flag's value may be: choices; `files`; or nothing that is known. */
export function valuesOf(command: Command, flag: Flag | 'json'): readonly string[] | 'files' {
  if (flag === 'json') return Object.keys(command.fields ?? {});
  if (flag.type === 'text' && flag.isFile) return 'files';
  return 'choices' in flag ? (flag.choices ?? []) : [];
}

/** Whether something follows it. */
export function takesValue(flag: Flag | 'json'): boolean {
  return flag === 'json' || flag.type !== 'switch';
}
