import { describe, expect, it } from 'vitest';
import type { Contender } from './contenders/contender.ts';
import { entriesOf, pairsOf } from './entries.ts';
import { readShapes } from './shape.ts';
import { figures } from './some-figures.ts';
import { markdownOf, summarize } from './summary.ts';

function contender(name: string, family: string): Contender {
  const never = () => Promise.reject(new Error('is not started'));
  return { name, family, fill: never, start: never };
}

const ours = contender('graphmdm', 'graphmdm');
const other = contender('graphmdm, 2 workers', 'graphmdm');
const peer = contender('NanoMDM', 'nanomdm');

/** Who is compared with whom, by name. */
function compared(contenders: readonly Contender[], shapes: string | null): readonly string[] {
  const entries = entriesOf(contenders, shapes === null ? [] : readShapes(shapes));
  return pairsOf(entries).map(([of, to]) => `${entries[of]?.name} / ${entries[to]?.name}`);
}

describe('what is compared', () => {
  it('this server with its peers, its variants with its first, and every size with the smallest', () => {
    expect(compared([ours, peer], null)).toEqual(['graphmdm / NanoMDM']);
    expect(compared([ours, other, peer], '1000:0')).toEqual([
      'graphmdm / NanoMDM',
      'graphmdm, 2 workers / graphmdm',
      'graphmdm, 2 workers / NanoMDM',
    ]);
    const [small, large] = ['1,000 enrolments, no history', '9,000 enrolments, no history'];
    expect(compared([ours, peer], '1000:0,9000:0')).toEqual([
      `graphmdm: ${small} / NanoMDM: ${small}`,
      `graphmdm: ${large} / graphmdm: ${small}`,
      `graphmdm: ${large} / NanoMDM: ${large}`,
      `NanoMDM: ${large} / NanoMDM: ${small}`,
    ]);
  });

  it('is told with its spread, what could not be measured as nothing, and what is wrong', () => {
    const summary = summarize(
      'idle',
      [
        {
          name: 'A',
          rounds: [
            figures({ serverMs: 1, pages: Number.NaN }),
            figures({ serverMs: 2, pages: Number.NaN, problems: ['status 500'] }),
          ],
        },
        { name: 'B', rounds: [figures({ serverMs: 4 }), figures({ serverMs: 4 })] },
      ],
      [[0, 1]],
    );
    expect(summary.ratios[0]?.values['serverMs']).toEqual({
      middle: 0.375,
      least: 0.25,
      most: 0.5,
    });
    expect(summary.rows[0]?.values['pages']).toBeNull();
    expect(summary.problems).toEqual(['A, round 2: status 500']);
    const text = markdownOf(summary);
    expect(text).toContain('1.500 (1.000–2.000)');
    expect(text).toContain('| A / B |');
    expect(text).toContain('**Invalid**: A, round 2: status 500');
    // A column that is rare and was 0 throughout.
    expect(text).not.toContain('sent again');
  });
});
