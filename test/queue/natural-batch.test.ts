import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { naturalBatch } from '../../server/store/hot/natural-batch.ts';

interface Item {
  readonly id: number;
  readonly key: string;
  readonly kind: 'good' | 'bad' | 'large';
}

/** A statement that was sent and not yet answered. */
interface Sent {
  readonly items: readonly Item[];
  end(how: 'commits' | 'fails' | 'is cut off'): void;
}

const away = new Error('the database is away');
const most = 8;
const lanes = 3;

/** A database that answers when it is told to. */
function openBatch(patience = 100_000) {
  const sent: Sent[] = [];
  const all: Sent[] = [];
  const send = (items: readonly Item[]): Promise<readonly string[]> =>
    new Promise((resolve, reject) => {
      const statement: Sent = {
        items,
        end(how) {
          sent.splice(sent.indexOf(statement), 1);
          if (how === 'is cut off') reject(away);
          else if (how === 'fails' || items.some(({ kind }) => kind === 'bad')) {
            reject(new Error(`bad row among ${items.length}`));
          } else resolve(items.map(({ id }) => `answer ${id}`));
        },
      };
      sent.push(statement);
      all.push(statement);
    });
  const ask = naturalBatch<Item, string>({
    together: send,
    alone: async (item) => (await send([item]))[0] ?? '',
    keyOf: ({ key }) => key,
    isLarge: ({ kind }) => kind === 'large',
    isShared: (error) => error === away,
    lanes,
    most,
    enough: 4,
    patience,
  });
  return { ask, sent, all };
}

const good = (id: number, key = `k${id}`): Item => ({ id, key, kind: 'good' });

describe('what arrives together', () => {
  it('goes out alone, as soon as the turn ends, when nothing else is there', async () => {
    const { ask, sent } = openBatch();
    const answer = ask(good(1));
    await turn();
    expect(sent.map(({ items }) => items.length)).toEqual([1]);
    sent[0]?.end('commits');
    expect(await answer).toBe('answer 1');
  });

  it('is one statement, and nobody is answered before that has committed', async () => {
    const { ask, sent } = openBatch();
    let answered = 0;
    const answers = [good(1), good(2), good(3)].map((item) => ask(item).finally(() => answered++));
    await turn();
    await turn();
    expect(sent.map(({ items }) => items.length)).toEqual([3]);
    expect(answered).toBe(0);
    sent[0]?.end('commits');
    expect(await Promise.all(answers)).toEqual(['answer 1', 'answer 2', 'answer 3']);
  });

  it('gathers while a statement is under way, and goes out when that has ended', async () => {
    const { ask, sent } = openBatch();
    const first = ask(good(1));
    await turn();
    const later = [ask(good(2)), ask(good(3))];
    await turn();
    expect(sent).toHaveLength(1);
    sent[0]?.end('commits');
    await first;
    await turn();
    expect(sent.map(({ items }) => items.map(({ id }) => id))).toEqual([[2, 3]]);
    sent[0]?.end('commits');
    await Promise.all(later);
  });

  it('goes beside a statement that is held up', async () => {
    const { ask, sent, all } = openBatch(1);
    void ask(good(1));
    await turn();
    const second = ask(good(2));
    while (all.length < 2) await turn();
    sent[1]?.end('commits');
    expect(await second).toBe('answer 2');
  });

  it('fails together when the database is away', async () => {
    const { ask, sent, all } = openBatch();
    const answers = Promise.allSettled([ask(good(1)), ask(good(2))]);
    await turn();
    sent[0]?.end('is cut off');
    for (const answer of await answers) expect(answer).toMatchObject({ reason: away });
    expect(all).toHaveLength(1);
  });

  const item = fc.record({
    key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'),
    kind: fc.constantFrom('good', 'good', 'good', 'good', 'bad', 'large'),
  });
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.array(item, { minLength: 1, maxLength: 12 }) },
    { weight: 4, arbitrary: fc.nat(7) },
  );

  it('is answered each by its own, in the order of its key, whatever order the database takes', async () => {
    const soak = process.env['GRAPHMDM_SOAK'] === '1';
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.constantFrom(1, 100_000), play),
      {
        numRuns: soak ? 20_000 : 200,
      },
    );
  }, 600_000);

  async function play(
    steps: readonly (number | readonly Omit<Item, 'id'>[])[],
    patience: number,
  ): Promise<void> {
    const { ask, sent, all } = openBatch(patience);
    const asked: Item[] = [];
    const answers: Promise<string>[] = [];
    const ended: number[] = [];
    const bound = (): void => {
      expect(sent.filter(({ items }) => items.length > 1).length).toBeLessThanOrEqual(lanes);
      const underWay = sent.flatMap(({ items }) => items.map(({ key }) => key));
      expect(new Set(underWay).size).toBe(underWay.length);
    };
    for (const each of steps) {
      if (typeof each === 'number') sent[each % Math.max(1, sent.length)]?.end('commits');
      else {
        for (const one of each) {
          const id = asked.length;
          asked.push({ ...one, id });
          const answer = ask({ ...one, id }).finally(() => ended.push(id));
          answer.catch(() => {});
          answers.push(answer);
        }
      }
      await turn();
      bound();
    }
    while (ended.length < asked.length) {
      sent[0]?.end('commits');
      await turn();
      bound();
    }
    for (const [id, answer] of (await Promise.allSettled(answers)).entries()) {
      if (asked[id]?.kind === 'bad') expect(answer).toMatchObject({ status: 'rejected' });
      else expect(answer).toMatchObject({ value: `answer ${id}` });
    }
    for (const { items } of all) {
      expect(items.length).toBeLessThanOrEqual(most);
      if (items.some(({ kind }) => kind === 'large')) expect(items).toHaveLength(1);
    }
    for (const key of new Set(asked.map((one) => one.key))) {
      const inOrder = asked.filter((one) => one.key === key).map(({ id }) => id);
      expect(ended.filter((id) => asked[id]?.key === key)).toEqual(inOrder);
    }
  }
});
