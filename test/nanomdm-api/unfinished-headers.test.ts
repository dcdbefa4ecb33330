import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Listener, listen } from '../../server/http/listen.ts';
import { createLog } from '../../server/observe/log.ts';
import { type TurnedClock, turnedClock } from '../events/turned-clock.ts';

const budget = 1024 * 1024;
const second = 1_000;

describe('headers that do not come to their end', () => {
  let listener: Listener;
  let port: number;
  let clock: TurnedClock;
  let log: Record<string, unknown>[];
  const clients: Socket[] = [];
  beforeEach(async () => {
    clock = turnedClock();
    log = [];
    listener = await listen({
      host: '127.0.0.1',
      port: 0,
      tls: null,
      longUrls: true,
      headerBounds: { budget, clock },
      log: createLog('debug', { write: (line) => log.push(JSON.parse(line)) }),
    });
    ({ port } = await listener.serve((_request, response) => response.end('answered')));
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await listener.close(1);
  });

  /** Opens a connection and begins a request; resolves when the server has all that was sent. */
  async function begin(bytes: number): Promise<{ readonly client: Socket; readonly text: string }> {
    const accepted = once(listener.server, 'connection');
    const client = connect(port, '127.0.0.1');
    clients.push(client);
    const [taken]: Socket[] = await accepted;
    const text = `GET /v1/push/${'x'.repeat(bytes)}`;
    client.write(text);
    while ((taken?.bytesRead ?? 0) < text.length) await new Promise(setImmediate);
    return { client, text };
  }

  it('lose the longest first when they hold too much together; the others go on', async () => {
    const kept = [await begin(300_000), await begin(400_000)];
    clock.advance(second);
    const longest = await begin(600_000);
    const cut = once(longest.client, 'close');
    clock.advance(second);
    await cut;
    expect(log).toMatchObject([{ msg: 'a connection with too long a header was cut' }]);
    clock.advance(second);
    for (const { client } of kept) {
      const answer = once(client, 'data');
      client.write(' HTTP/1.1\r\nHost: x\r\n\r\n');
      expect(String(await answer)).toMatch(/^HTTP\/1\.1 200 /);
    }
    expect(log).toHaveLength(1);
  });

  it('count from the end of the request before on their connection, and short ones not at all', async () => {
    const { client } = await begin(700_000);
    const answer = once(client, 'data');
    client.write(' HTTP/1.1\r\nHost: x\r\n\r\n');
    await answer;
    for (let count = 0; count < 10; count++) await begin(60_000);
    await begin(700_000);
    clock.advance(second);
    const again = once(client, 'data');
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(String(await again)).toMatch(/^HTTP\/1\.1 200 /);
    expect(log).toEqual([]);
  });
});
