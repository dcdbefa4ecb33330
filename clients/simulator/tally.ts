import type { MessageKind } from './channel.ts';
import type { Reply } from './http.ts';

/** What a fleet has heard so far. */
export interface Summary {
  /** Answers by message kind and status, such as `report 200`. */
  readonly answers: Readonly<Record<string, number>>;
  /** Milliseconds from request to last byte: median, 99th percentile, longest; of a sample. */
  readonly milliseconds: { readonly p50: number; readonly p99: number; readonly longest: number };
}

/** How many times are kept; later ones take the place of earlier ones in turn. */
const sampleSize = 10_000;

/** Counts answers and keeps a bounded sample of their times. */
export class Tally {
  readonly #answers = new Map<string, number>();
  readonly #times: number[] = [];
  #heard = 0;

  readonly heard = (kind: MessageKind, reply: Reply): void => {
    const name = `${kind} ${reply.status}`;
    this.#answers.set(name, (this.#answers.get(name) ?? 0) + 1);
    this.#times[this.#heard % sampleSize] = reply.milliseconds;
    this.#heard += 1;
  };

  summary(): Summary {
    const sorted = this.#times.toSorted((a, b) => a - b);
    const at = (share: number): number =>
      Math.round((sorted[Math.ceil(share * sorted.length) - 1] ?? 0) * 10) / 10;
    return {
      answers: Object.fromEntries([...this.#answers].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      milliseconds: { p50: at(0.5), p99: at(0.99), longest: at(1) },
    };
  }
}
