import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createDecoder,
  type Decoder,
  type DecoderOptions,
} from '../../server/mdm/inventory/decoder.ts';
import { type Clock, systemClock } from '../../server/model/clock.ts';
import { silentLog } from '../../server/model/log.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { binaryPlist } from '../protocol/binary-plist.ts';

let decoder: Decoder;
afterEach(() => decoder.stop());

function open(options: Partial<DecoderOptions> = {}): void {
  decoder = createDecoder({ clock: systemClock, log: silentLog, ...options });
}

const deviceInformation = { requestType: 'DeviceInformation' };
const short = {
  ...deviceInformation,
  bytes: buildPlist({ Status: 'Acknowledged', QueryResponses: { OSVersion: '18.0' } }),
};
/** Made anew each time, as its bytes are given away. */
const long = () => ({
  ...deviceInformation,
  bytes: buildPlist({ Filler: 'x'.repeat(4096), QueryResponses: { OSVersion: '18.0' } }),
});
const decoded = { content: '{"OSVersion":"18.0"}' };

/** For which a thread has no time at all. */
function openWithoutPatience(): void {
  const setTimer = (ms: number, run: () => void) => {
    if (ms > 0) return systemClock.setTimer(ms, run);
    queueMicrotask(run);
    return () => {};
  };
  open({ timeoutMs: 0, clock: { ...systemClock, setTimer } });
}
const outOfTime = { problem: 'Decoding took longer than 0 s.' };

describe('a short answer', () => {
  it('needs no thread, however many come', async () => {
    openWithoutPatience();
    const many = await Promise.all(Array.from({ length: 20 }, () => decoder.decode(short)));
    expect(many).toEqual(many.map(() => decoded));
    expect(await decoder.decode({ ...short, bytes: Buffer.from('no plist') })).toMatchObject({
      problem: expect.stringContaining('property list'),
    });
  });

  it('goes to a thread when it is a binary property list, in which a little may stand for a lot', async () => {
    openWithoutPatience();
    const bytes = binaryPlist({ QueryResponses: { OSVersion: '18.0' } });
    expect(await decoder.decode({ ...short, bytes })).toEqual(outOfTime);
    await decoder.stop();
    open();
    expect(await decoder.decode({ ...short, bytes })).toEqual(decoded);
  });

  it('lets the event loop turn between many', async () => {
    open();
    let turns = 0;
    const turn = (): void => {
      turns += 1;
      next = setImmediate(turn);
    };
    let next = setImmediate(turn);
    await Promise.all(Array.from({ length: 40 }, () => decoder.decode(short)));
    clearImmediate(next);
    expect(turns).toBeGreaterThanOrEqual(4);
  });

  it('is refused once it is stopped', async () => {
    open();
    await decoder.stop();
    await expect(decoder.decode(short)).rejects.toThrow('stopped');
  });
});

describe('the decoding thread', () => {
  it('gives back what is inventory', async () => {
    open();
    expect(await decoder.decode(long())).toEqual(decoded);
    const bytes = Buffer.from('no plist'.repeat(1000));
    expect(await decoder.decode({ ...deviceInformation, bytes })).toMatchObject({
      problem: expect.stringContaining('property list'),
    });
  });

  it('is replaced when an answer takes too long', async () => {
    // Before the thread can have answered.
    openWithoutPatience();
    expect(await decoder.decode(long())).toEqual(outOfTime);
    await decoder.stop();
    open();
    const both = await Promise.all([decoder.decode(long()), decoder.decode(long())]);
    expect(both).toEqual([decoded, decoded]);
  });

  it('finds no fault with an answer that it had to leave when it was stopped', async () => {
    const setTimer: Clock['setTimer'] = (ms, run) => {
      // It has the answer by now.
      if (ms === 7_000) queueMicrotask(() => void decoder.stop());
      return systemClock.setTimer(ms, run);
    };
    open({ timeoutMs: 7_000, clock: { ...systemClock, setTimer } });
    await expect(decoder.decode(long())).rejects.toThrow('stopped');

    open();
    const whileItStarts = decoder.decode(long());
    await eventLoopTurn();
    await decoder.stop();
    await expect(whileItStarts).rejects.toThrow('stopped');
  });

  it('is replaced when an answer takes too much memory, and the next one is decoded', async () => {
    // It is the memory that ends it, however slow the machine is.
    open({ heapMb: 48, timeoutMs: 60_000 });
    expect(await decoder.decode(long())).toEqual(decoded);
    const item = '<dict><key>Identifier</key><array><true/></array></dict>';
    const list = `<key>InstalledApplicationList</key><array>${item.repeat(60_000)}</array>`;
    const outcome = await decoder.decode({
      bytes: Buffer.from(`<plist><dict>${list}</dict></plist>`),
      requestType: 'InstalledApplicationList',
    });
    expect(outcome).toEqual({ problem: 'Decoding failed (ERR_WORKER_OUT_OF_MEMORY).' });
    expect(await decoder.decode(long())).toEqual(decoded);
  });
});
