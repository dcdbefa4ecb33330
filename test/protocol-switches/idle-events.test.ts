import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { writeIdleEvents } from '../../server/store/idle-events.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { eventsOf, rowsOf } from '../device/stored.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { struckClock } from '../push/struck-clock.ts';

/** How often what was noted is written. */
const flushEvery = 5_000;
const clock = struckClock(flushEvery);

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ clock, flags: ['--idle-events', '10m'] });
});
afterAll(() => server.stop());

async function idleEvents(device: Device): Promise<number> {
  const events = await eventsOf(server, device.enrollmentId);
  return events.filter(({ type }) => type === 'EnrollmentIdle').length;
}

describe('with --idle-events', () => {
  it('polls become events, one for each enrolment in that time', async () => {
    const device = await server.device(1);
    const other = await server.device(2);
    for (const one of [device, other]) {
      await one.enrol();
      await one.channel.poll();
      await one.channel.poll();
    }
    clock.strike();
    await expect.poll(() => idleEvents(other)).toBe(1);
    expect(await idleEvents(device)).toBe(1);
    await rowsOf(
      server,
      `update enrollment_idle set told_at = told_at - interval '10 minutes'
       where enrollment_key = (select key from enrollment where id = $1)`,
      [device.enrollmentId],
    );
    await device.channel.poll();
    await other.channel.poll();
    clock.strike();
    await expect.poll(() => idleEvents(device)).toBe(2);
    expect(await idleEvents(other)).toBe(1);
  });

  it('reports are no polls', async () => {
    const device = await server.device(3);
    await device.enrol();
    await enqueue(server, [device.enrollmentId], aCommand('idle-report'));
    const witness = await server.device(4);
    await witness.enrol();
    await device.channel.report('idle-report', { status: 'Acknowledged' });
    await witness.channel.poll();
    clock.strike();
    await expect.poll(() => idleEvents(witness)).toBe(1);
    expect(await idleEvents(device)).toBe(0);
  });

  it('two processes that heard the same poll tell once, and the later time stays', async () => {
    const device = await server.device(5);
    await device.enrol();
    const [row] = await rowsOf<{ key: string }>(
      server,
      'select key from enrollment where id = $1',
      [device.enrollmentId],
    );
    const polled = new Map([[row?.key ?? '', new Date()]]);
    const { graph } = server.store.database;
    const told = await Promise.all([
      writeIdleEvents(graph, polled, 600_000),
      writeIdleEvents(graph, polled, 600_000),
    ]);
    expect(told.reduce((sum, one) => sum + one)).toBe(1);
  });
});

describe('without it', () => {
  it('a poll writes nothing', async () => {
    const silent = await startServer({ clock });
    try {
      const device = await silent.device(6);
      await device.enrol();
      await device.channel.poll();
      clock.strike();
      await expect
        .poll(() => rowsOf(silent, 'select 1 from enrollment_seen').then(({ length }) => length))
        .toBe(1);
      expect(await rowsOf(silent, 'select 1 from enrollment_idle')).toEqual([]);
    } finally {
      await silent.stop();
    }
  });
});
