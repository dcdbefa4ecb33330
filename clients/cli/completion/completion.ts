import { type Command, command } from '../command.ts';
import { exit } from '../exit.ts';
import { usage } from '../failure.ts';
import { bashCompletion } from './bash.ts';
import { fishCompletion } from './fish.ts';
import { zshCompletion } from './zsh.ts';

const shells: Readonly<Record<string, (table: readonly Command[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** @param table  asked for when it is run: this command stands in it too */
export function completionOf(table: () => readonly Command[]): Command {
  return command({
    words: ['completion'],
    what: 'prints what makes a shell complete commands, flags and fields',
    more:
      'bash: eval "$(graphmdm completion bash)" in ~/.bashrc\n' +
      'zsh:  source <(graphmdm completion zsh) in ~/.zshrc, behind compinit\n' +
      'fish: graphmdm completion fish | source in ~/.config/fish/config.fish',
    argument: { name: 'SHELL', what: 'bash, zsh or fish', choices: Object.keys(shells) },
    flags: {},
    examples: ['eval "$(graphmdm completion bash)"'],
    async run({ args: [shell = ''], io }) {
      const make = Object.hasOwn(shells, shell) ? shells[shell] : undefined;
      if (!make) throw usage('There is completion for bash, zsh and fish.');
      await io.stdout.write(make(table()));
      return exit.ok;
    },
  });
}
