import type { DestinationStream } from 'pino';

/** A log's destination that holds its lines back until the first one has been decided on. */
export interface HeldBack extends DestinationStream {
  /** Writes `line` first, then what was held, and holds no more. */
  release(line?: Readonly<Record<string, unknown>>): void;
}

/**
 * Makes the first line on standard output the one that scripts wait for (where the server listens),
 * whatever was logged while it started.
 */
export function holdBack(write: (text: string) => void): HeldBack {
  let held: string[] | null = [];
  return {
    write(text: string) {
      if (held === null) write(text);
      else held.push(text);
    },
    release(line) {
      if (line !== undefined) write(`${JSON.stringify(line)}\n`);
      for (const text of held ?? []) write(text);
      held = null;
    },
  };
}
