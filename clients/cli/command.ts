import type { Client } from '../sdk/client.ts';
import type { Io } from './io.ts';
import type { Described } from './output/fields.ts';
import type { Output } from './output/output.ts';

/** A flag of a command. `what` is what help says of it. */
export type Flag =
  /** `--all` */
  | { readonly type: 'switch'; readonly what: string }
  /** `--limit 30`: a whole number, not below `least` (0 unless said). */
  | {
      readonly type: 'number';
      readonly value: string;
      readonly what: string;
      readonly least?: number;
    }
  /** `--file x.plist`, or one of its choices. */
  | {
      readonly type: 'text';
      readonly value: string;
      readonly what: string;
      readonly choices?: readonly string[];
      readonly isFile?: true;
    }
  /** `--to A --to B`, `--to A,B`, and where it is `open` also `--to A B`. */
  | {
      readonly type: 'list';
      readonly value: string;
      readonly what: string;
      readonly choices?: readonly string[];
      readonly open?: true;
    };

export type Flags = Readonly<Record<string, Flag>>;

type ValueOf<F> = F extends { readonly type: 'switch' }
  ? boolean
  : F extends { readonly type: 'number' }
    ? number | undefined
    : F extends { readonly type: 'list'; readonly choices: readonly (infer Choice)[] }
      ? Choice[]
      : F extends { readonly type: 'list' }
        ? string[]
        : F extends { readonly type: 'text'; readonly choices: readonly (infer Choice)[] }
          ? Choice | undefined
          : string | undefined;

/** Values of flags by their names; a switch that is not given is false, a list empty, all else undefined. */
export type Values<F extends Flags> = { readonly [Name in keyof F]: ValueOf<F[Name]> };

/** What stands behind the command without a flag, such as `ID`. */
export interface Argument {
  readonly name: string;
  readonly what: string;
  /** @default one */
  readonly many?: 'one or more' | 'optional';
  readonly choices?: readonly string[];
}

/** One call of a command. */
export interface Call<F extends Flags = Flags> {
  readonly flags: Values<F>;
  readonly args: readonly string[];
  readonly io: Io;
  readonly out: Output;
  /** Value of --url. */
  readonly url: string | undefined;
  /** @throws {Failure} no server or no token was named */
  connect(): Client;
  /** The server's address and a token, for what is not in the graph. @throws {Failure} as `connect` */
  server(): { readonly url: string; readonly token: string };
}

/**
 * A command, as help, completion, documentation and the program itself know it.
 * A new one is a file with `command({ … })`, and a line in `table.ts`.
 */
export interface Command {
  /** Its words: `['enrollments', 'list']`. */
  readonly words: readonly string[];
  /** One line. */
  readonly what: string;
  /** Further sentences for its own help. */
  readonly more?: string;
  readonly argument?: Argument;
  readonly flags: Flags;
  /** The fields of its `--json`; without any it has no `--json`. */
  readonly fields?: Readonly<Record<string, Described>>;
  /** Command lines, without the prompt. */
  readonly examples: readonly string[];
  /** @returns the status to exit with @throws {Failure} */
  run(call: Call): Promise<number>;
}

/** Describes a command; `run` gets the flags with their types. */
export function command<const F extends Flags>(
  described: Omit<Command, 'flags' | 'run'> & {
    readonly flags: F;
    run(call: Call<F>): Promise<number>;
  },
): Command {
  return {
    ...described,
    // What is read from a command line by these flags has their values' types.
    run: (call) => described.run(call as Call<F>),
  };
}
