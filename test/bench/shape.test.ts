import { describe, expect, it } from 'vitest';
import { historyOf, readShapes, stepOf, titleOf } from './shape.ts';

describe('the shape of a database', () => {
  it('is read from the command line', () => {
    expect(readShapes('1000:0,1000000:7500000:1000')).toEqual([
      { enrollments: 1_000, history: 0, deep: null },
      { enrollments: 1_000_000, history: 7_500_000, deep: 1_000 },
    ]);
    for (const bad of ['', '0:1', 'x', '1000:-1', '1000:5:0']) {
      expect(() => readShapes(bad)).toThrow('is no shape');
    }
  });

  it('lies on all enrolments, or on some that are spread over all', () => {
    const [spread, deep] = readShapes('1000000:7500000,1000000:7500000:1000').map(historyOf);
    expect(spread).toEqual({ step: 1, targets: 1_000_000, each: 8 });
    expect(deep).toEqual({ step: 1_000, targets: 1_000, each: 7_500 });
    expect(stepOf(1_000, 5_000)).toBe(1);
  });

  it('has a name', () => {
    expect(readShapes('1000:0,2000:30,2000:30:10').map(titleOf)).toEqual([
      '1,000 enrolments, no history',
      '2,000 enrolments, 30 finished',
      '2,000 enrolments, 30 finished on 10',
    ]);
  });
});
