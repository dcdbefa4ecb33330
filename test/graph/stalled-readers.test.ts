import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { graphql } from '../../generated/gql/gql.ts';
import { type TurnedClock, turnedClock } from '../events/turned-clock.ts';
import { type GraphServer, startGraph } from './graph-server.ts';
import { aStoredCommand, anEvent } from './rows.ts';
import { bySse } from './subscribe.ts';

const events = graphql(`
  subscription BigEvents($after: String) {
    events(after: $after) {
      __typename
      ... on Event {
        number
        command {
          raw
        }
      }
    }
  }
`);

const query = events.toString();
const eventCount = 120;
const commandBytes = 300_000;
/** Bytes of an item: the command's in base64. */
const itemBytes = (commandBytes * 4) / 3;
/** What the kernel may hold between the server and its client, and some for the server itself. */
const underWay = 18 * 1024 * 1024;
/** Items that may be made for one who takes none of them. */
const itemsAtMost = Math.ceil(underWay / itemBytes);

let server: GraphServer;
/** Goes on by itself, but only while the server waits for a reader. */
let clock: TurnedClock;
let token: string;

beforeEach(async () => {
  clock = turnedClock();
  const setTimer = (ms: number, run: () => void) => {
    setImmediate(() => clock.advance(ms));
    return clock.setTimer(ms, run);
  };
  server = await startGraph({}, { now: clock.now, setTimer });
  ({ token } = await server.token());
});
afterEach(() => server.stop());

/** Events that all name one big command. */
async function bigEvents(): Promise<void> {
  const { key } = await aStoredCommand(server.pool);
  await server.pool.query('update command set body = $1', [Buffer.alloc(commandBytes, 'x')]);
  for (let count = 0; count < eventCount; count++) {
    await anEvent(server, { type: 'CommandEnqueued', commandKey: key });
  }
}

describe('a WebSocket that is not read', () => {
  /** A client that reads nothing more. */
  async function stalled() {
    const socket = new WebSocket(server.wsUrl, 'graphql-transport-ws');
    await once(socket, 'open');
    const send = (message: object) => socket.send(JSON.stringify(message));
    send({ type: 'connection_init', payload: { token } });
    await once(socket, 'message');
    socket.pause();
    return { socket, send };
  }

  /** Resolves when the server has waited so long. */
  async function waited(ms: number): Promise<void> {
    const until = clock.now().getTime() + ms;
    while (clock.now().getTime() < until) await new Promise(setImmediate);
  }

  it('has bounded memory, and is closed with 4413 after 15 seconds', async () => {
    await bigEvents();
    const { socket, send } = await stalled();
    const payload = { query, variables: { after: 'EARLIEST' } };
    for (const id of ['1', '2', '3', '4', '5']) send({ id, type: 'subscribe', payload });
    await waited(15_000);
    expect(server.bodies.length).toBeLessThan(itemsAtMost);
    const closed = once(socket, 'close');
    socket.resume();
    const [code, reason] = await closed;
    expect(code).toBe(4413);
    expect(String(reason)).toContain('come back with the last cursor');
  });

  it('is not read either: it cannot make answers pile up', async () => {
    const { socket, send } = await stalled();
    const payload = { text: 'x'.repeat(500_000) };
    for (let count = 0; count < eventCount; count++) send({ type: 'ping', payload });
    await waited(15_000);
    const closed = once(socket, 'close');
    socket.resume();
    expect((await closed)[0]).toBe(4413);
  });
});

describe('a stream of server-sent events that is not read', () => {
  it('has bounded memory, and goes on without a gap when it is read again', async () => {
    await bigEvents();
    const body = JSON.stringify({ query, variables: { after: 'EARLIEST' } });
    const headers = {
      'Content-Type': 'application/json',
      Accept: 'text/event-stream',
      Authorization: `Bearer ${token}`,
    };
    const asked = request(server.url, { method: 'POST', headers }).end(body);
    const [stalled]: IncomingMessage[] = await once(asked, 'response');
    if (stalled === undefined) throw new Error('no answer');
    // Who reads gets all of it meanwhile.
    const other = await bySse(server, token, events, { after: 'EARLIEST' });
    const numbers: string[] = [];
    while (numbers.length < eventCount) {
      const { value } = await other.next();
      if (value.data?.events.__typename === 'CommandEnqueuedEvent') {
        numbers.push(value.data.events.number);
      }
    }
    await other.close();
    expect(server.bodies.length - eventCount).toBeLessThan(itemsAtMost);
    let text = '';
    const seen = () => [...text.matchAll(/"number":"(\d+)"/g)].map(([, number]) => number);
    for await (const chunk of stalled) {
      text += String(chunk).replaceAll(/[A-Za-z0-9+/=]{200,}/g, '');
      if (seen().length === eventCount) break;
    }
    expect(seen()).toEqual(numbers);
  });
});
