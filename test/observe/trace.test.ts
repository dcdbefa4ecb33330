import { describe, expect, it } from 'vitest';
import { currentTraceId, newTraceId, traceIdFrom, withTraceId } from '../../server/model/trace.ts';

const carriesFree = Number(process.versions.node.split('.')[0]) >= 24;

/** A promise, and who settles it. */
function gate() {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe('a trace id', () => {
  it('is 32 hex digits, and another one each time', () => {
    const ids = Array.from({ length: 1_000 }, newTraceId);
    expect(new Set(ids).size).toBe(1_000);
    expect(ids.filter((id) => !/^[0-9a-f]{32}$/.test(id))).toEqual([]);
  });

  it('is taken from where a trace began, unless what it says is none', () => {
    const id = '0af7651916cd43dd8448eb211c80319c';
    expect(traceIdFrom(`00-${id}-b7ad6b7169203331-01`)).toBe(id);
    for (const wrong of [undefined, '', 'hello', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`]) {
      expect(traceIdFrom(wrong)).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
    }
  });

  it('is known across awaits, each to its own, whoever ends first', async () => {
    const [first, second] = [gate(), gate()];
    const one = withTraceId('one', async () => {
      await first.opened;
      return currentTraceId();
    });
    const two = withTraceId('two', async () => {
      await second.opened;
      await Promise.resolve();
      return [currentTraceId(), withTraceId('three', currentTraceId), currentTraceId()];
    });
    first.open();
    expect(await one).toBe('one');
    second.open();
    expect(await two).toEqual(['two', 'three', 'two']);
    expect(currentTraceId()).toBeUndefined();
  });

  it('is known again after nobody had one', async () => {
    for (const id of ['one', 'two']) {
      expect(await withTraceId(id, async () => Promise.resolve().then(currentTraceId))).toBe(id);
      expect(currentTraceId()).toBeUndefined();
    }
  });

  it('ends with what it was for, also if that fails', async () => {
    const failed = withTraceId('one', () => Promise.reject(new Error('no')));
    await expect(failed).rejects.toThrow('no');
    expect(() =>
      withTraceId('two', () => {
        throw new Error('not at all');
      }),
    ).toThrow('not at all');
    expect(withTraceId('three', currentTraceId)).toBe('three');
    expect(currentTraceId()).toBeUndefined();
  });

  // Newer ones carry it along for nothing, and with what goes on for as long as that goes on.
  it.skipIf(carriesFree)('ends sooner where it is told to, for all that goes on', async () => {
    const [told, later] = [gate(), gate()];
    const seen: (string | undefined)[] = [];
    const going = withTraceId(
      'one',
      async () => {
        seen.push(currentTraceId());
        await later.opened;
        seen.push(currentTraceId());
      },
      told.opened,
    );
    told.open();
    await told.opened;
    later.open();
    await going;
    expect(seen).toEqual(['one', undefined]);
  });
});
