import { describe, expect, it } from 'vitest';
import { release } from '../../server/model/release.ts';

describe('releasing a buffer', () => {
  it('gives its memory back at once, without a garbage collection', () => {
    const megabytes = 64;
    const before = process.memoryUsage().arrayBuffers;
    const buffers = Array.from({ length: megabytes }, () => Buffer.allocUnsafeSlow(1024 * 1024));
    expect(process.memoryUsage().arrayBuffers - before).toBeGreaterThan(
      (megabytes - 8) * 1024 * 1024,
    );
    for (const buffer of buffers) release(buffer);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
    expect(buffers.every(({ length }) => length === 0)).toBe(true);
    for (const buffer of buffers) release(buffer);
  });

  it('leaves what shares its memory, and what is short', () => {
    const whole = Buffer.alloc(100_000, 1);
    const part = whole.subarray(0, 50_000);
    const short = Buffer.alloc(1_000, 1);
    const pooled = Buffer.from('a'.repeat(2_000));
    for (const one of [part, short, pooled]) release(one);
    expect([whole.length, part.length, short.length, pooled.length]).toEqual([
      100_000, 50_000, 1_000, 2_000,
    ]);
    expect(part[49_999]).toBe(1);
  });
});
