import type { Figures } from './measure.ts';

/** All rounds of one contender. */
export interface Series {
  readonly name: string;
  readonly rounds: readonly Figures[];
}

/** The middle one; of an even number the mean of both. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const low = sorted[Math.ceil(half) - 1] ?? Number.NaN;
  return (low + (sorted[Math.floor(half)] ?? low)) / 2;
}
