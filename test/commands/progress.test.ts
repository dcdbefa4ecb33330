import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../../generated/gql/gql.ts';
import type { Device } from '../../clients/simulator/device.ts';
import { bySse, byWebSocket, type Subscribe } from '../graph/subscribe.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { controls } from './control-server.ts';
import { cancelCommand, followCommand } from './documents.ts';

const progressNow = graphql(`
  query CommandsProgress {
    commands(first: 50) {
      edges {
        node {
          uuid
          progress {
            total
            acknowledged
            finished
          }
        }
      }
    }
  }
`);

describe('commandProgress', () => {
  let server: TestServer;
  let control: ReturnType<typeof controls>;
  const devices: Device[] = [];
  beforeAll(async () => {
    server = await startServer();
    control = controls(server);
    for (let number = 0; number < 4; number += 1) {
      const device = await server.device(number);
      await device.enrol();
      devices.push(device);
    }
  });
  afterAll(() => server.stop());

  const ids = () => devices.map(({ enrollmentId }) => enrollmentId);
  const subscribed = (command: string, after: string | null = null, by: Subscribe = bySse) => {
    const url = `${server.url}/graphql`;
    const graph = { url, wsUrl: url.replace('http', 'ws') };
    return by(graph, adminToken, followCommand, { command, after });
  };

  /** Reads snapshots until one fits. */
  async function until(
    stream: Awaited<ReturnType<typeof subscribed>>,
    fits: (progress: Snapshot) => boolean,
  ): Promise<Snapshot & { readonly cursor: string }> {
    for (;;) {
      const { done, value } = await stream.next();
      if (done || value.errors) throw new Error(`ended: ${JSON.stringify(value)}`);
      const item = value.data?.commandProgress;
      if (item?.__typename !== 'CommandProgressSnapshot') continue;
      if (fits(item.progress)) return { ...item.progress, cursor: item.cursor };
    }
  }

  it.each([
    ['SSE', bySse],
    ['WebSocket', byWebSocket],
  ] as const)('shows every change and ends with the command, over %s', async (name, by) => {
    const uuid = `followed-${name}`;
    await control.enqueue(ids(), uuid);
    const stream = await subscribed(uuid, null, by);
    const first = await until(stream, () => true);
    expect(first).toMatchObject({ total: 4, pending: 4, finished: false });
    const [one, two, three] = devices;
    await one?.channel.poll();
    await one?.channel.report(uuid, { status: 'NotNow' });
    await one?.channel.report(uuid, { status: 'NotNow' });
    expect(await until(stream, ({ notNow }) => notNow === 1)).toMatchObject({ pending: 3 });
    await one?.channel.report(uuid, { status: 'Acknowledged' });
    await two?.channel.report(uuid, { status: 'Error' });
    const middle = await until(stream, ({ error }) => error === 1);
    // Once more from its cursor, by another subscriber: nothing is missed.
    const other = await subscribed(uuid, middle.cursor, by);
    await three?.channel.report(uuid, { status: 'Acknowledged' });
    await control.ask(cancelCommand, {
      input: { commandUuid: uuid, targets: { all: true }, channels: 'ALL', validateOnly: false },
    });
    for (const each of [stream, other]) {
      expect(await until(each, ({ finished }) => finished)).toMatchObject({
        total: 4,
        pending: 0,
        notNow: 0,
        acknowledged: 2,
        error: 1,
        cancelled: 1,
      });
      expect(await each.next()).toMatchObject({ done: true });
    }
    // A result that comes too late changes no count.
    await devices[3]?.channel.report(uuid, { status: 'Acknowledged' });
    const late = await subscribed(uuid, null, by);
    expect(await until(late, () => true)).toMatchObject({ cancelled: 1, acknowledged: 2 });
    expect(await late.next()).toMatchObject({ done: true });
  });

  it('counts what expires, is cleared by re-enrolment or was refused', async () => {
    await control.enqueue([...ids().slice(0, 1), ...ids().slice(2, 3)], 'leaving');
    const stream = await subscribed('leaving');
    await devices[0]?.enrol();
    expect(await until(stream, ({ reEnrolled }) => reEnrolled === 1)).toMatchObject({ pending: 1 });
    await devices[2]?.channel.report('leaving', { status: 'CommandFormatError' });
    expect(await until(stream, ({ finished }) => finished)).toMatchObject({
      error: 1,
      reEnrolled: 1,
    });
  });

  it('is a field of each command too', async () => {
    const { commands } = await control.ask(progressNow, {});
    const leaving = commands.edges.find(({ node }) => node.uuid === 'leaving')?.node;
    expect(leaving?.progress).toEqual({ total: 2, acknowledged: 0, finished: true });
  });

  it('tells what is wrong: no such command, or a cursor that cannot be followed', async () => {
    const codeOf = async (stream: Awaited<ReturnType<typeof subscribed>>) => {
      const { value } = await stream.next();
      await stream.close();
      return value.errors?.[0]?.extensions['code'];
    };
    expect(await codeOf(await subscribed('never-made'))).toBe('UNKNOWN_COMMAND');
    expect(await codeOf(await subscribed('leaving', 'nonsense'))).toBe('CURSOR_INVALID');
  });
});

interface Snapshot {
  readonly pending: number;
  readonly notNow: number;
  readonly error: number;
  readonly reEnrolled: number;
  readonly finished: boolean;
}
