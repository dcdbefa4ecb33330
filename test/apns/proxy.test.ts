import { describe, expect, it, onTestFinished } from 'vitest';
import { startConnectProxy } from '../../clients/simulator/apns/connect-proxy.ts';
import { proxyFromEnvironment } from '../../server/apns/proxy.ts';
import { aPush, pushService } from './push-service.ts';
import { watchedClock } from './waits.ts';

describe('a proxy', () => {
  it('is tunnelled through, with its credentials', async () => {
    const proxy = await startConnectProxy('user:password');
    onTestFinished(() => proxy.close());
    const { apns, standIn } = await pushService({ apns: { proxy: proxy.url } });
    expect(await apns.push(aPush())).toMatchObject({ kind: 'accepted' });
    expect(proxy.targets).toEqual([standIn.url.host]);
  });

  it('that wants other credentials is no connection', async () => {
    const clock = watchedClock();
    const proxy = await startConnectProxy('user:password');
    onTestFinished(() => proxy.close());
    const wrong = new URL(proxy.url);
    wrong.password = 'wrong';
    const { apns, standIn } = await pushService({
      apns: { proxy: wrong, clock, random: () => 1 },
    });
    const push = apns.push(aPush());
    for (const ms of [1000, 2000]) {
      await clock.timerSet(ms);
      clock.advance(ms);
    }
    expect(await push).toMatchObject({ kind: 'transient', reason: 'no connection' });
    expect(standIn.connections()).toBe(0);
  });

  it('that is cut is connected through again', async () => {
    const proxy = await startConnectProxy();
    onTestFinished(() => proxy.close());
    const { apns } = await pushService({ apns: { proxy: proxy.url } });
    expect(await apns.push(aPush())).toMatchObject({ kind: 'accepted' });
    proxy.cut();
    const outcome = await apns.push(aPush());
    expect(['accepted', 'transient']).toContain(outcome.kind);
    expect(await apns.push(aPush())).toMatchObject({ kind: 'accepted' });
  });
});

describe('the environment', () => {
  const target = new URL('https://api.push.apple.com');
  const proxy = 'http://proxy.example:3128';

  it.each([
    [{ HTTPS_PROXY: proxy }, 'http://proxy.example:3128/'],
    [{ https_proxy: proxy, HTTPS_PROXY: 'http://other' }, 'http://proxy.example:3128/'],
    [{ HTTPS_PROXY: 'proxy.example:3128' }, 'http://proxy.example:3128/'],
    [{ HTTPS_PROXY: '' }, undefined],
    [{ HTTP_PROXY: proxy }, undefined],
    [{ HTTPS_PROXY: proxy, NO_PROXY: 'apple.com' }, undefined],
    [{ HTTPS_PROXY: proxy, NO_PROXY: '.apple.com' }, undefined],
    [{ HTTPS_PROXY: proxy, NO_PROXY: '*.push.apple.com' }, undefined],
    [{ HTTPS_PROXY: proxy, NO_PROXY: 'example.org, API.push.apple.com:443' }, undefined],
    [{ HTTPS_PROXY: proxy, NO_PROXY: '*' }, undefined],
    [{ HTTPS_PROXY: proxy, no_proxy: 'apple.com:2197' }, 'http://proxy.example:3128/'],
    [{ HTTPS_PROXY: proxy, NO_PROXY: 'pple.com' }, 'http://proxy.example:3128/'],
    [{ HTTPS_PROXY: proxy, NO_PROXY: 'com.apple' }, 'http://proxy.example:3128/'],
  ])('%j means %s', (environment, expected) => {
    expect(proxyFromEnvironment(target, environment)?.href).toBe(expected);
  });

  it('with a proxy that is no http URL is refused without telling its password', () => {
    const environment = { HTTPS_PROXY: 'socks5://user:secret@proxy' };
    expect(() => proxyFromEnvironment(target, environment)).toThrow(/^HTTPS_PROXY must be a URL/);
    expect(() => proxyFromEnvironment(target, environment)).not.toThrow(/secret/);
  });
});
