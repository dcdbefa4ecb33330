import { join } from 'node:path';
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { builtProgram } from '../harness/built-package.ts';
import { scratchFolder, startProcess } from '../harness/process.ts';
import { startReceiver } from './receiver.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const kills = 4;

describe('a bridge that is killed at any moment', () => {
  it('goes on without a loss, and ends when it is told to', { timeout: 120_000 }, async () => {
    const folder = scratchFolder();
    const receiver = await startReceiver();
    const cursor = join(folder, 'cursor');
    const start = () =>
      startProcess(
        [
          ...['--url', server.url, '--webhook-url', receiver.url.href, '--cursor-file', cursor],
          ...['--dead-letter-file', join(folder, 'dead'), '--from', 'EARLIEST'],
        ],
        {
          command: [process.execPath, builtProgram('clients/webhook/main.js')],
          env: { GRAPHMDM_TOKEN: adminToken },
        },
      );
    const seen = () =>
      new Set(
        receiver.received.map(
          ({ json }) => `${json.topic} ${String(json.checkin_event?.['udid'])}`,
        ),
      );
    const wanted: string[] = [];
    let bridge = start();
    for (let round = 0; round <= kills; round += 1) {
      for (let number = 0; number < 3; number += 1) {
        const device = await server.device(round * 3 + number);
        await device.enrol();
        wanted.push(`mdm.Authenticate ${device.enrollmentId}`);
        wanted.push(`mdm.TokenUpdate ${device.enrollmentId}`);
      }
      // Somewhere in the middle of what it has to do.
      await receiver.until(() => seen().size > wanted.length - 6);
      if (round === kills) break;
      bridge.signal('SIGKILL');
      await bridge.ended;
      bridge = start();
    }
    await receiver.until(() => seen().size === wanted.length);
    expect([...seen()].toSorted()).toEqual(wanted.toSorted());
    const { status } = await bridge.stop();
    expect(status).toBe(0);
    expect(existsSync(join(folder, 'dead'))).toBe(false);
    expect(readFileSync(cursor, 'utf8')).toMatch(/^\S+\n$/);
    const after = receiver.received.length;
    const again = start();
    const device = await server.device(1_000);
    await device.enrol();
    await receiver.until((all) => all.length >= after + 2);
    expect(receiver.received.slice(after).map(({ json }) => json.checkin_event?.['udid'])).toEqual([
      device.enrollmentId,
      device.enrollmentId,
    ]);
    await again.stop();
    await receiver.close();
  });

  it('refuses a command line that cannot be followed, by name', async () => {
    const run = (flags: readonly string[]) =>
      startProcess(flags, {
        command: [process.execPath, builtProgram('clients/webhook/main.js')],
      }).ended;
    const { status, stderr } = await run(['--url', server.url]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('GRAPHMDM_TOKEN is missing')]);
    const bad = await run(['--surl', 'x']);
    expect(bad.status).toBe(2);
    const help = await run(['--help']);
    expect([help.status, help.stdout]).toEqual([0, expect.stringContaining('--cursor-file')]);
  });
});
