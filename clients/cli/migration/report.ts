import type { Call } from '../command.ts';
import { shape } from '../output/fields.ts';

/** A line of what an import says of itself. */
export interface Told {
  /**
   * `left`: the source has it, and it does not come. `refused`: the server does not take it. `different`:
   * it is not here as it is there. `count`: how many of a kind there were.
   */
  readonly what: 'left' | 'refused' | 'different' | 'count';
  /** Of the record. */
  readonly kind: string | null;
  /** Of the enrolment, command or topic. */
  readonly id: string | null;
  readonly code: string | null;
  readonly message: string | null;
  /** Of the file. */
  readonly line: number | null;
  readonly count: number | null;
}

export const toldShape = shape(
  {
    what: {
      what: 'left (in the source, does not come), refused (by the server), different (--verify), count',
      of: (told: Told) => told.what,
    },
    kind: { what: 'kind of the record', of: ({ kind }) => kind },
    id: { what: 'of the enrolment, command or topic', of: ({ id }) => id },
    code: { what: 'why, for programs', of: ({ code }) => code },
    message: { what: 'why, for people', of: ({ message }) => message },
    line: { what: 'line of the file', of: ({ line }) => line },
    count: { what: 'how many of this kind', of: ({ count }) => count },
  },
  [
    ['what', 'WHAT', 9],
    ['kind', 'KIND', 22],
    ['count', 'COUNT', 7],
    ['id', 'ID', 36],
    ['code', 'CODE', 20],
    ['message', 'MESSAGE', 40],
  ],
);

/** What is told, a line each as it is found. */
export interface Report {
  tell(told: Partial<Told> & Pick<Told, 'what'>): Promise<void>;
  /** Lines that say that something is not as it should be. */
  readonly troubles: number;
}

export function reportOn(out: Call['out']): Report {
  const show = out.stream(toldShape);
  let troubles = 0;
  return {
    get troubles() {
      return troubles;
    },
    async tell(told) {
      if (told.what !== 'count') troubles += 1;
      const nothing = { kind: null, id: null, code: null, message: null, line: null, count: null };
      await show({ ...nothing, ...told });
    },
  };
}
