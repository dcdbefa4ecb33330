import type { Figures } from './measure.ts';

/** All rounds of one entry. */
export interface Series {
  readonly name: string;
  readonly rounds: readonly Figures[];
}

/** A value of several rounds. */
export interface Spread {
  readonly middle: number;
  readonly least: number;
  readonly most: number;
}

/** The middle one; of an even number the mean of both. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const low = sorted[Math.ceil(half) - 1] ?? Number.NaN;
  return (low + (sorted[Math.floor(half)] ?? low)) / 2;
}

/** @returns null when there is no value, or one that is no number */
export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0 || !values.every(Number.isFinite)) return null;
  return { middle: median(values), least: Math.min(...values), most: Math.max(...values) };
}

/** How many times `to` each of `of` is: what ran in the same round is compared. */
export function ratioOf(of: readonly number[], to: readonly number[]): Spread | null {
  return spreadOf(of.map((value, round) => value / (to[round] ?? Number.NaN)));
}
