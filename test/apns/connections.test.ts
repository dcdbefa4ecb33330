import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startConnectProxy } from '../../clients/simulator/apns/connect-proxy.ts';
import { makePushAuthority } from '../../clients/simulator/apns/push-certificates.ts';
import { forToken } from '../../clients/simulator/apns/script.ts';
import { certificatePem } from '../../clients/simulator/identity.ts';
import { turnedClock } from '../events/turned-clock.ts';
import { aPush, pushService } from './push-service.ts';
import { arrivals, gate, tally, watchedClock } from './waits.ts';

describe('a connection', () => {
  it('is opened once and kept for what follows', async () => {
    const { apns, standIn } = await pushService();
    for (let i = 0; i < 5; i += 1) await apns.push(aPush());
    await Promise.all(Array.from({ length: 50 }, () => apns.push(aPush())));
    expect(standIn.connections()).toBe(1);
    expect(standIn.pushes).toHaveLength(55);
  });

  it('never has more streams than SETTINGS allow, and others are opened up to the limit', async () => {
    const { apns, standIn } = await pushService({
      standIn: { maxConcurrentStreams: 3 },
      apns: { limits: { connections: 2 } },
    });
    const slow = gate();
    standIn.rules.push(() => ({ do: 'accept', after: slow.opened }));
    const six = arrivals(standIn, 6);
    const outcomes = Promise.all(Array.from({ length: 40 }, () => apns.push(aPush())));
    await six;
    slow.open();
    expect(tally(await outcomes)).toEqual({ accepted: 40 });
    expect(standIn.mostStreams()).toBe(3);
    expect(standIn.connections()).toBe(2);
  });

  it('is replaced when a PING is not answered, and what was sent on it is of unknown fate', async () => {
    const clock = watchedClock();
    const proxy = await startConnectProxy();
    onTestFinished(() => proxy.close());
    const { apns, standIn } = await pushService({
      apns: { clock, proxy: proxy.url, times: { answer: 600_000 } },
    });
    expect(await apns.push(aPush())).toMatchObject({ kind: 'accepted' });
    await clock.timerSet(600_000);
    proxy.freeze();
    const lost = apns.push(aPush());
    await clock.timerSet(600_000);
    clock.advance(60_000);
    clock.advance(10_000);
    expect(await lost).toMatchObject({
      kind: 'transient',
      reason: 'PING was not answered within 10 s',
      mayHaveArrived: true,
    });
    expect(await apns.push(aPush())).toMatchObject({ kind: 'accepted' });
    expect(standIn.connections()).toBe(2);
  });

  it('stays while its PINGs are answered', async () => {
    const clock = turnedClock();
    const { apns, standIn } = await pushService({ apns: { clock } });
    await apns.push(aPush());
    const timers = clock.timers();
    for (let i = 0; i < 3; i += 1) {
      clock.advance(60_000);
      // A push that comes after the PING is answered after it: one connection keeps its order.
      expect(await apns.push(aPush())).toMatchObject({ kind: 'accepted' });
      expect(clock.timers()).toBe(timers);
    }
    expect(standIn.connections()).toBe(1);
  });

  it('that is lost leaves the fate of what was sent unknown, heard or not', async () => {
    const { apns, standIn } = await pushService();
    expect(await apns.push(aPush())).toMatchObject({ kind: 'accepted' });
    for (const heard of [true, false]) {
      const push = aPush();
      standIn.rules.unshift(forToken(push.token.toString('hex'), { do: 'drop', heard }));
      expect(await apns.push(push)).toMatchObject({
        kind: 'transient',
        status: null,
        mayHaveArrived: true,
      });
      expect(await apns.push(aPush())).toMatchObject({ kind: 'accepted' });
    }
  });

  it('gives a push without an answer up after its time, and goes on', async () => {
    const clock = turnedClock();
    const { apns, standIn } = await pushService({ apns: { clock } });
    const push = aPush();
    standIn.rules.push(forToken(push.token.toString('hex'), { do: 'nothing' }));
    const arrived = arrivals(standIn, 1);
    const outcome = apns.push(push);
    await arrived;
    clock.advance(30_000);
    expect(await outcome).toMatchObject({ kind: 'transient', mayHaveArrived: true });
    expect(await apns.push(aPush())).toMatchObject({ kind: 'accepted' });
    expect(standIn.connections()).toBe(1);
  });

  it('sends again what was refused unlooked at, and gives up after some times', async () => {
    const { apns, standIn } = await pushService();
    const push = aPush();
    let refusals = 0;
    standIn.rules.push(({ token }) => {
      if (token !== push.token.toString('hex') || refusals === 3) return undefined;
      refusals += 1;
      return { do: 'refuse-stream' };
    });
    expect(await apns.push(push)).toMatchObject({ kind: 'accepted' });
    expect(standIn.pushes).toHaveLength(1);

    standIn.rules.push(() => ({ do: 'refuse-stream' }));
    expect(await apns.push(aPush())).toMatchObject({ kind: 'transient', mayHaveArrived: false });
  });

  it('takes no more after a 503 Shutdown', async () => {
    const { apns, standIn } = await pushService();
    standIn.rules.push((_push, number) =>
      number === 1 ? { do: 'refuse', reason: 'Shutdown' } : undefined,
    );
    expect(await apns.push(aPush())).toMatchObject({ kind: 'transient', reason: 'Shutdown' });
    expect(await apns.push(aPush())).toMatchObject({ kind: 'accepted' });
    expect(standIn.connections()).toBe(2);
  });
});

describe('no connection', () => {
  it('is tried again after times that grow, and pushes are turned away meanwhile', async () => {
    const clock = watchedClock();
    const { apns, standIn } = await pushService({ apns: { clock, random: () => 1 } });
    await standIn.close();
    const first = apns.push(aPush());
    for (const ms of [1000, 2000]) {
      await clock.timerSet(ms);
      clock.advance(ms);
    }
    expect(await first).toMatchObject({
      kind: 'transient',
      reason: 'no connection',
      mayHaveArrived: false,
      retryAfter: 4000,
    });
    clock.advance(1000);
    expect(await apns.push(aPush())).toMatchObject({ retryAfter: 3000 });
    clock.advance(3000);
    expect(await apns.push(aPush())).toMatchObject({ retryAfter: 8000 });
  });

  it('comes of a server that says nothing within 30 seconds', async () => {
    const silent = createServer((socket) => void socket.on('error', () => {})).listen(
      0,
      'localhost',
    );
    await once(silent, 'listening');
    onTestFinished(() => void silent.close());
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const clock = watchedClock();
    const url = new URL(`https://localhost:${port}`);
    const { apns } = await pushService({ apns: { url, clock, random: () => 1 } });
    const push = apns.push(aPush());
    for (const ms of [30_000, 1000, 30_000, 2000, 30_000]) {
      await clock.timerSet(ms);
      clock.advance(ms);
    }
    expect(await push).toMatchObject({ kind: 'transient', reason: 'no connection' });
  });

  it('comes of a server whose certificate is from nobody we trust', async () => {
    const clock = watchedClock();
    const authority = await makePushAuthority();
    const ca = certificatePem(authority.certificate);
    const { apns, standIn } = await pushService({ apns: { clock, ca, random: () => 1 } });
    const push = apns.push(aPush());
    for (const ms of [1000, 2000]) {
      await clock.timerSet(ms);
      clock.advance(ms);
    }
    expect(await push).toMatchObject({ kind: 'transient', reason: 'no connection' });
    expect(standIn.pushes).toEqual([]);
  });

  it('for a moment costs a push nothing but time', async () => {
    const clock = watchedClock();
    const { apns, standIn } = await pushService({ apns: { clock, random: () => 1 } });
    standIn.alertHandshakes(80);
    const push = apns.push(aPush());
    await clock.timerSet(1000);
    standIn.alertHandshakes(null);
    clock.advance(1000);
    expect(await push).toMatchObject({ kind: 'accepted' });
  });
});
