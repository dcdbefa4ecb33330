import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeLastSeen } from '../../server/store/last-seen.ts';
import { databaseLanes, type TestDatabase, testDatabase } from '../harness/database.ts';

describe.each(databaseLanes())('last-seen times, on the %s database', (lane) => {
  let store: TestDatabase;
  beforeAll(async () => {
    store = await testDatabase(lane);
  });
  afterAll(() => store.drop());

  async function stored(): Promise<Readonly<Record<string, string>>> {
    const { rows } = await store.database.graph.query<{ key: string; at: Date }>(
      'select enrollment_key as key, last_seen_at as at from enrollment_seen',
    );
    return Object.fromEntries(rows.map(({ key, at }) => [key, at.toISOString()]));
  }

  it('are written in one statement and never go back', async () => {
    const { graph } = store.database;
    const early = new Date('2026-01-01T00:00:00.000Z');
    const late = new Date('2026-01-02T00:00:00.123Z');
    await writeLastSeen(
      graph,
      new Map([
        ['2', early],
        ['1', late],
      ]),
    );
    await writeLastSeen(
      graph,
      new Map([
        ['1', early],
        ['2', late],
        ['3', early],
      ]),
    );
    expect(await stored()).toEqual({
      1: late.toISOString(),
      2: late.toISOString(),
      3: early.toISOString(),
    });
  });

  it('take no lock in another order than their keys', async () => {
    const { graph } = store.database;
    const keys = Array.from({ length: 200 }, (_, at) => String(at + 100));
    const times = (order: readonly string[], minute: number) =>
      new Map(order.map((key) => [key, new Date(Date.UTC(2026, 1, 1, 0, minute))]));
    const writes = Array.from({ length: 20 }, (_, minute) =>
      writeLastSeen(graph, times(minute % 2 === 0 ? keys : keys.toReversed(), minute)),
    );
    await Promise.all(writes);
    expect((await stored())['150']).toBe('2026-02-01T00:19:00.000Z');
  });
});
