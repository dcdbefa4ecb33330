import { afterEach, describe, expect, it } from 'vitest';
import {
  createDecoder,
  type Decoder,
  type DecoderOptions,
} from '../../server/mdm/inventory/decoder.ts';
import { systemClock } from '../../server/model/clock.ts';
import { silentLog } from '../../server/model/log.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';

let decoder: Decoder;
afterEach(() => decoder.stop());

function open(options: Partial<DecoderOptions> = {}): void {
  decoder = createDecoder({ clock: systemClock, log: silentLog, ...options });
}

const good = {
  bytes: buildPlist({ Status: 'Acknowledged', QueryResponses: { OSVersion: '18.0' } }),
  requestType: 'DeviceInformation',
};
const decoded = { content: '{"OSVersion":"18.0"}' };

describe('the decoding thread', () => {
  it('gives back what is inventory', async () => {
    open();
    expect(await decoder.decode(good)).toEqual(decoded);
    expect(await decoder.decode({ ...good, bytes: Buffer.from('no plist') })).toMatchObject({
      problem: expect.stringContaining('property list'),
    });
  });

  it('is replaced when an answer takes too long', async () => {
    // Before the thread can have answered.
    const setTimer = (ms: number, run: () => void) => {
      if (ms > 0) return systemClock.setTimer(ms, run);
      queueMicrotask(run);
      return () => {};
    };
    open({ timeoutMs: 0, clock: { ...systemClock, setTimer } });
    expect(await decoder.decode(good)).toEqual({ problem: 'Decoding took longer than 0 s.' });
    await decoder.stop();
    open();
    const both = await Promise.all([decoder.decode(good), decoder.decode(good)]);
    expect(both).toEqual([decoded, decoded]);
  });

  it('is replaced when an answer takes too much memory, and the next one is decoded', async () => {
    // It is the memory that ends it, however slow the machine is.
    open({ heapMb: 48, timeoutMs: 60_000 });
    expect(await decoder.decode(good)).toEqual(decoded);
    const item = '<dict><key>Identifier</key><array><true/></array></dict>';
    const list = `<key>InstalledApplicationList</key><array>${item.repeat(60_000)}</array>`;
    const outcome = await decoder.decode({
      bytes: Buffer.from(`<plist><dict>${list}</dict></plist>`),
      requestType: 'InstalledApplicationList',
    });
    expect(outcome).toEqual({ problem: 'Decoding failed (ERR_WORKER_OUT_OF_MEMORY).' });
    expect(await decoder.decode(good)).toEqual(decoded);
  });
});
