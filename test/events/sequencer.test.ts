import { beforeEach, describe, expect, it } from 'vitest';
import { type Sequencer, startSequencer } from '../../server/events/sequencer.ts';
import { silentLog } from '../../server/model/log.ts';
import type { Numbering } from '../../server/store/events/number.ts';
import { countedMetrics } from './counted-metrics.ts';
import { turnedClock } from './turned-clock.ts';

const nothing: Numbering = { numbered: 0, lastSeq: 0n, busy: false, more: false, news: null };

describe('the sequencer', () => {
  let calls: { answer(numbering: Partial<Numbering>): Promise<void>; fail(): Promise<void> }[];
  let announced: bigint[];
  let clock: ReturnType<typeof turnedClock>;
  let metrics: ReturnType<typeof countedMetrics>;
  let sequencer: Sequencer;

  beforeEach(() => {
    calls = [];
    announced = [];
    clock = turnedClock();
    metrics = countedMetrics();
    sequencer = startSequencer({
      number: () =>
        new Promise((resolve, reject) => {
          calls.push({
            async answer(numbering) {
              resolve({ ...nothing, ...numbering });
              await settled();
            },
            async fail() {
              reject(new Error('gone'));
              await settled();
            },
          });
        }),
      announce: ({ lastSeq }) => announced.push(lastSeq),
      clock,
      log: silentLog,
      metrics,
    });
  });

  it('numbers at once when it rests, and announces what it numbered', async () => {
    sequencer.committed();
    expect(calls).toHaveLength(1);
    await calls[0]?.answer({ numbered: 2, lastSeq: 7n });
    expect(announced).toEqual([7n]);
    expect(metrics.value('graphmdm_events_numbered_total')).toBe(2);
  });

  it('runs one statement for all commits that fall into the one before and its pause', async () => {
    for (let n = 0; n < 50; n += 1) sequencer.committed();
    expect(calls).toHaveLength(1);
    await calls[0]?.answer({ numbered: 1 });
    for (let n = 0; n < 50; n += 1) sequencer.committed();
    expect(calls).toHaveLength(1);
    clock.advance(20);
    expect(calls).toHaveLength(2);
    await calls[1]?.answer({ numbered: 99 });
    clock.advance(900);
    expect(calls).toHaveLength(2);
  });

  it('keeps one pace together with other processes', async () => {
    sequencer.numberedElsewhere();
    sequencer.committed();
    clock.advance(19);
    expect(calls).toHaveLength(0);
    // Heard again meanwhile: the pause that runs is not made longer.
    sequencer.numberedElsewhere();
    clock.advance(1);
    expect(calls).toHaveLength(1);
    sequencer.numberedElsewhere();
    await calls[0]?.answer({ numbered: 1 });
    clock.advance(900);
    expect(calls).toHaveLength(1);
  });

  it('tries again after a failure also while others number all the time', async () => {
    sequencer.committed();
    await calls[0]?.fail();
    for (let waited = 0; calls.length === 1 && waited < 2000; waited += 5) {
      sequencer.numberedElsewhere();
      clock.advance(5);
    }
    expect(calls).toHaveLength(2);
  });

  it('comes again when somebody else was numbering', async () => {
    sequencer.committed();
    await calls[0]?.answer({ busy: true });
    clock.advance(20);
    expect(calls).toHaveLength(2);
  });

  it('goes on without a pause as long as there is more', async () => {
    sequencer.committed();
    await calls[0]?.answer({ numbered: 1000, lastSeq: 1000n, more: true });
    expect(calls).toHaveLength(2);
    await calls[1]?.answer({ numbered: 1, lastSeq: 1001n });
    expect(announced).toEqual([1000n, 1001n]);
  });

  it('numbers every second what others left behind', async () => {
    clock.advance(1000);
    await calls[0]?.answer({});
    clock.advance(1000);
    expect(calls).toHaveLength(2);
  });

  it('tries again after failures at ever rarer ticks, and is quick again after one success', async () => {
    sequencer.committed();
    await calls[0]?.fail();
    const waits = [];
    for (let failure = 1; failure < 6; failure += 1) {
      let seconds = 0;
      while (calls.length === failure) {
        sequencer.committed();
        clock.advance(1000);
        seconds += 1;
      }
      waits.push(seconds);
      await calls[failure]?.fail();
    }
    expect(waits).toEqual([1, 2, 4, 5, 5]);
    expect(metrics.value('graphmdm_events_numbering_failures_total')).toBe(6);
    clock.advance(5000);
    await calls[6]?.answer({ numbered: 1, lastSeq: 1n });
    clock.advance(20);
    sequencer.committed();
    expect(calls).toHaveLength(8);
  });

  it('numbers what was committed before it stops', async () => {
    sequencer.committed();
    sequencer.committed();
    const stopped = sequencer.stop();
    await calls[0]?.answer({ numbered: 1, lastSeq: 1n });
    await calls[1]?.answer({ numbered: 1, lastSeq: 2n });
    await stopped;
    expect(announced).toEqual([1n, 2n]);
    expect(clock.timers()).toBe(0);
  });
});

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
