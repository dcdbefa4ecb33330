import { describe, expect, it } from 'vitest';
import { median, ratioOf, spreadOf } from './series.ts';

describe('values of several rounds', () => {
  it('have a median, whatever their order and number', () => {
    expect(median([10, 9, 2])).toBe(9);
    expect(median([4, 1, 10, 2])).toBe(3);
    expect(median([])).toBeNaN();
  });

  it('have a spread, unless one of them could not be measured', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ middle: 2, least: 1, most: 3 });
    expect(spreadOf([])).toBeNull();
    expect(spreadOf([1, Number.NaN])).toBeNull();
  });

  it('are compared round by round: what slows a whole round changes no ratio', () => {
    expect(ratioOf([1, 10, 3], [2, 20, 6])).toEqual({ middle: 0.5, least: 0.5, most: 0.5 });
    expect(ratioOf([1, 3], [2, 2])).toEqual({ middle: 1, least: 0.5, most: 1.5 });
    expect(ratioOf([1, 1], [2])).toBeNull();
    expect(ratioOf([1], [0])).toBeNull();
  });
});
