import { mkdirSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { createClient } from '../../clients/sdk/client.ts';
import { runBridge } from '../../clients/webhook/bridge.ts';
import { cursorFile } from '../../clients/webhook/cursor-file.ts';
import { deadLetters } from '../../clients/webhook/dead-letters.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { adminToken, startServer } from '../harness/server.ts';
import { scratchFolder, startProcess } from '../harness/process.ts';
import { struckClock } from '../push/struck-clock.ts';

/** A program of others, if somebody names it: github.com/micromdm/nanocmd. */
const program = process.env['NANOCMD_BIN'];
const apiKey = 'nanomdm-api-key';

async function freePort(): Promise<number> {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const { port } = holder.address() as AddressInfo;
  await new Promise((resolve) => holder.close(resolve));
  return port;
}

describe.skipIf(program === undefined)('NanoCMD as the receiver', () => {
  it('takes every kind of webhook that it knows, and an Idle starts its workflow', async () => {
    const clock = struckClock(5_000);
    const server = await startServer({
      clock,
      flags: [
        ...['--idle-events', '1s', '--ua-zl-dc', '--nanomdm-api', '--nanomdm-api-key', apiKey],
      ],
    });
    onTestFinished(() => server.stop());
    const port = await freePort();
    const folder = scratchFolder();
    const data = join(folder, 'nanocmd');
    mkdirSync(data);
    const nanocmd = startProcess(
      [
        ...['-listen', `127.0.0.1:${port}`, '-api', 'nanocmd', '-storage-dsn', data],
        ...['-enqueue-url', `${server.url}/v1/enqueue/`, '-enqueue-api', apiKey],
        ...['-push-url', `${server.url}/v1/push/`],
      ],
      { command: [program ?? ''], cwd: folder },
    );
    const address = `http://127.0.0.1:${port}`;
    await expect
      .poll(() =>
        fetch(`${address}/version`).then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(200);
    const workflow = 'io.micromdm.wf.devinfolog.v1';
    const subscribed = await fetch(`${address}/v1/event/idle`, {
      method: 'PUT',
      headers: { Authorization: `Basic ${Buffer.from('nanocmd:nanocmd').toString('base64')}` },
      body: JSON.stringify({ event: 'IdleNotStartedSince', event_context: '60', workflow }),
    });
    expect(subscribed.status).toBe(204);

    const mdm = createClient({ url: server.url, token: adminToken, webSocketImpl: WebSocket });
    const end = new AbortController();
    const bridge = runBridge({
      mdm,
      receiver: { url: new URL(`${address}/webhook`), hmacKey: null, timeout: 5_000 },
      cursors: cursorFile(join(folder, 'cursor')),
      deadLetterFile: join(folder, 'dead'),
      from: 'EARLIEST',
      giveUpAfter: 60_000,
      tries: 2,
      topics: null,
      retry: { minDelay: 1, maxDelay: 5 },
      log() {},
      now: Date.now,
      signal: end.signal,
    });
    onTestFinished(async () => {
      end.abort();
      await bridge;
      mdm.close();
      await nanocmd.stop();
    });

    const device = await server.device(1);
    await device.enrol();
    const user = device.user({ id: 'U1', shortName: 'ann', longName: 'Ann' });
    await user.userAuthenticate();
    await user.tokenUpdate();
    await device.setBootstrapToken(Buffer.from('token'));
    await device.getBootstrapToken();
    await enqueue(server, [device.enrollmentId], aCommand('to-nanocmd'));
    await device.channel.report('to-nanocmd', { status: 'NotNow' });
    await device.channel.report('to-nanocmd', { status: 'Acknowledged' });
    await device.channel.report('unknown-to-all', { status: 'Acknowledged' });
    await device.channel.poll();
    clock.strike();
    // The workflow asks the device by the compatible API.
    await expect
      .poll(async () => (await device.channel.poll())?.requestType, { timeout: 20_000 })
      .toBe('DeviceInformation');
    await device.channel.connect();
    await device.checkOut();
    await expect
      .poll(async () => {
        const { rows } = await server.store.database.graph.query<{ left: number }>(
          'select count(*)::int as left from queue_entry',
        );
        return rows[0]?.left;
      })
      .toBe(0);
    // Of these it says itself that it does not know them.
    const unknown = deadLetters(join(folder, 'dead')).map((body) => JSON.parse(body).topic);
    expect(new Set(unknown)).toEqual(
      new Set(['mdm.UserAuthenticate', 'mdm.SetBootstrapToken', 'mdm.GetBootstrapToken']),
    );
  }, 60_000);
});
