import { expect, it } from 'vitest';
import { chartOf } from './chart.ts';
import { figures } from './some-figures.ts';

it('the chart names everybody, and has a bar where something was measured', () => {
  const rounds = [figures({ serverMs: 0.25, databaseMs: Number.NaN })];
  const svg = chartOf('a < b', [
    { name: 'one & all', rounds },
    { name: 'two', rounds },
  ]);
  expect(svg).toContain('a &lt; b: ms of processor time a request');
  expect(svg).toContain('>one &amp; all</text>');
  expect(svg.match(/>0\.250<\/text>/g)).toHaveLength(2);
  expect(svg).not.toContain('NaN');
});
