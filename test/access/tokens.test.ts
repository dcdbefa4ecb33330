import { describe, expect, it } from 'vitest';
import { createLastUsed } from '../../server/access/last-used.ts';
import { createToken, createTokenReader } from '../../server/access/tokens.ts';
import { Unauthenticated } from '../../server/access/unauthenticated.ts';
import { createTokenWatcher } from '../../server/access/watch.ts';
import type { Clock } from '../../server/model/clock.ts';
import { silentLog } from '../../server/model/log.ts';
import type { Viewer } from '../../server/model/viewer.ts';
import { hashToken } from '../../server/secrets/token.ts';
import type { StoredToken } from '../../server/store/tokens.ts';

/** A clock that the test turns; timers that are due run when it is turned. */
function turnedClock() {
  let now = Date.parse('2026-11-23T12:00:00Z');
  const timers = new Map<number, () => void>();
  let numbers = 0;
  const due = new Map<number, number>();
  const clock: Clock = {
    now: () => new Date(now),
    setTimer(ms, run) {
      const number = (numbers += 1);
      timers.set(number, run);
      due.set(number, now + ms);
      return () => void timers.delete(number);
    },
  };
  return {
    clock,
    turn(ms: number) {
      now += ms;
      for (const [number, run] of timers) {
        if ((due.get(number) ?? 0) > now) continue;
        timers.delete(number);
        run();
      }
    },
  };
}

/** Tokens as the store keeps them, in memory: only hashes. */
function shelf() {
  const byHash = new Map<string, StoredToken>();
  let lookUps = 0;
  return {
    async insert({ sha256, ...token }: StoredToken & { readonly sha256: Buffer }) {
      byHash.set(sha256.toString('hex'), token);
    },
    async find(sha256: Buffer) {
      lookUps += 1;
      return byHash.get(sha256.toString('hex')) ?? null;
    },
    async good(ids: readonly string[]) {
      const tokens = [...byHash.values()].filter(({ id }) => ids.includes(id));
      return new Map(tokens.map((token) => [token.id, token]));
    },
    change(token: string, change: Partial<StoredToken> | null) {
      const name = hashToken(token).toString('hex');
      const known = byHash.get(name);
      if (change === null || !known) byHash.delete(name);
      else byHash.set(name, { ...known, ...change });
    },
    lookUps: () => lookUps,
    holds: (text: string) => JSON.stringify([...byHash]).includes(text),
  };
}

const asked = { name: 'ci', scopes: ['events:read'], tenant: 3, expiresAt: null } as const;

describe('a bearer token', () => {
  it('says who calls, for what tenant and with which scopes; only its hash is kept', async () => {
    const { clock } = turnedClock();
    const kept = shelf();
    const { id, token } = await createToken(kept.insert, asked);
    const used: string[] = [];
    const reader = createTokenReader({ clock, find: kept.find, used: (one) => used.push(one) });
    expect(await reader.viewerOf(`Bearer ${token}`)).toEqual({
      actor: 'token:ci',
      tokenId: id,
      tenant: 3,
      scopes: new Set(['events:read']),
    });
    expect(await reader.viewerOf(`bearer  ${token} `)).toMatchObject({ tokenId: id });
    expect(used).toEqual([id, id]);
    expect(kept.holds(token)).toBe(false);
  });

  it.each([
    undefined,
    null,
    '',
    'Bearer',
    'Bearer ',
    'Basic abc',
    'Bearer a b',
    `Bearer ${'x'.repeat(513)}`,
  ])('that is %j costs no look-up', async (header) => {
    const { clock } = turnedClock();
    const kept = shelf();
    const reader = createTokenReader({ clock, find: kept.find, used() {} });
    await expect(reader.viewerOf(header)).rejects.toThrow(Unauthenticated);
    expect(kept.lookUps()).toBe(0);
  });

  it('is looked up once for requests of the same moment, and again within 5 seconds', async () => {
    const { clock, turn } = turnedClock();
    const kept = shelf();
    const { token } = await createToken(kept.insert, asked);
    const reader = createTokenReader({ clock, find: kept.find, used() {} });
    const ask = () => reader.viewerOf(`Bearer ${token}`);
    await Promise.all([ask(), ask(), ask()]);
    expect(kept.lookUps()).toBe(1);
    kept.change(token, null);
    turn(4_999);
    await expect(ask()).rejects.toThrow(Unauthenticated);
  });

  it('that is unknown is asked for again, because it may be made in the meantime', async () => {
    const { clock } = turnedClock();
    const kept = shelf();
    const { token } = await createToken(async () => {}, asked);
    const reader = createTokenReader({ clock, find: kept.find, used() {} });
    await expect(reader.viewerOf(`Bearer ${token}`)).rejects.toThrow(Unauthenticated);
    await kept.insert({ ...asked, id: 'made', tenantId: 1, sha256: hashToken(token) });
    expect(await reader.viewerOf(`Bearer ${token}`)).toMatchObject({ tokenId: 'made' });
  });

  it('ends at its time to the millisecond, also while it is remembered', async () => {
    const { clock, turn } = turnedClock();
    const kept = shelf();
    const expiresAt = new Date(clock.now().getTime() + 1_000);
    const { token } = await createToken(kept.insert, { ...asked, expiresAt });
    const reader = createTokenReader({ clock, find: kept.find, used() {} });
    turn(999);
    await reader.viewerOf(`Bearer ${token}`);
    turn(1);
    await expect(reader.viewerOf(`Bearer ${token}`)).rejects.toThrow(Unauthenticated);
  });

  it('whose look-up failed is looked up again', async () => {
    const { clock } = turnedClock();
    const kept = shelf();
    const { token } = await createToken(kept.insert, asked);
    let isAway = true;
    const find = (sha256: Buffer) =>
      isAway ? Promise.reject(new Error('away')) : kept.find(sha256);
    const reader = createTokenReader({ clock, find, used() {} });
    await expect(reader.viewerOf(`Bearer ${token}`)).rejects.toThrow('away');
    isAway = false;
    expect(await reader.viewerOf(`Bearer ${token}`)).toMatchObject({ actor: 'token:ci' });
  });
});

describe('a watched token', () => {
  async function watched(change: Partial<StoredToken> | null) {
    const { clock, turn } = turnedClock();
    const kept = shelf();
    const { token } = await createToken(kept.insert, asked);
    const reader = createTokenReader({ clock, find: kept.find, used() {} });
    const viewer: Viewer = await reader.viewerOf(`Bearer ${token}`);
    const looked: (() => void)[] = [];
    const watcher = createTokenWatcher({
      clock,
      log: silentLog,
      good: async (ids) => {
        const found = await kept.good(ids);
        setImmediate(() => looked.shift()?.());
        return found;
      },
      onEnd: reader.forget,
    });
    const { signal } = watcher.watch(viewer);
    kept.change(token, change);
    const look = new Promise<void>((resolve) => looked.push(resolve));
    turn(5_000);
    await look;
    return signal;
  }

  it.each<[string, Partial<StoredToken> | null]>([
    ['is gone', null],
    ['has lost a scope', { scopes: [] }],
    ['belongs to another tenant', { tenantId: 4 }],
  ])('that %s ends what it holds open', async (_what, change) => {
    const { aborted, reason } = await watched(change);
    expect(aborted).toBe(true);
    expect(reason).toBeInstanceOf(Unauthenticated);
  });

  it.each<[string, Partial<StoredToken>]>([
    ['is as it was', {}],
    ['was given more', { scopes: ['events:read', 'commands:read'] }],
  ])('that %s holds it open', async (_what, change) => {
    expect((await watched(change)).aborted).toBe(false);
  });

  it('is not looked up when nothing is open', () => {
    const { clock, turn } = turnedClock();
    let looks = 0;
    const watcher = createTokenWatcher({
      clock,
      log: silentLog,
      good: async () => {
        looks += 1;
        return new Map();
      },
      onEnd() {},
    });
    const viewer: Viewer = { actor: 'x', tokenId: 'one', tenant: 1, scopes: new Set() };
    watcher.watch(viewer).release();
    turn(2_000);
    looks = 0;
    turn(60_000);
    expect(looks).toBe(0);
  });
});

describe('when tokens were last used', () => {
  it('is written once a minute for all of them, with the last time of each', async () => {
    const { clock, turn } = turnedClock();
    const written: ReadonlyMap<string, Date>[] = [];
    const lastUsed = createLastUsed({
      clock,
      log: silentLog,
      write: async (used) => void written.push(used),
    });
    lastUsed.used('a');
    turn(30_000);
    lastUsed.used('a');
    lastUsed.used('b');
    expect(written).toEqual([]);
    const at = clock.now();
    turn(30_000);
    expect(written).toEqual([
      new Map([
        ['a', at],
        ['b', at],
      ]),
    ]);
    await lastUsed.stop();
    expect(written).toHaveLength(1);
  });

  it('is written at the end', async () => {
    const { clock } = turnedClock();
    const written: ReadonlyMap<string, Date>[] = [];
    const lastUsed = createLastUsed({
      clock,
      log: silentLog,
      write: async (used) => void written.push(used),
    });
    lastUsed.used('a');
    await lastUsed.stop();
    expect(written).toHaveLength(1);
  });
});
