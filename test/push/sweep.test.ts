import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aStoredCommand, anEntry } from '../graph/rows.ts';
import type { TestDatabase } from '../harness/database.ts';
import { serverLane, testDatabase } from '../harness/database.ts';
import { type Apple, startApple } from './apple.ts';
import { struckClock } from './struck-clock.ts';
import { idsNamed, pushables, type PushServer, startPushServer } from './push-server.ts';

const ids = [
  'SILENT',
  'NEVER SEEN',
  'AWAKE',
  'WORK WAITS',
  'NOT NOW',
  'WORK FOR LATER',
  'DISABLED',
  'DEAD TOKEN',
  'PUSHED TO',
  'TO BE RETRIED',
  'GIVEN UP',
] as const;

describe('the daily sweep', () => {
  let apple: Apple;
  let store: TestDatabase;
  const clocks = [struckClock(60_000), struckClock(60_000)];
  const servers: PushServer[] = [];

  beforeAll(async () => {
    apple = await startApple();
    store = await testDatabase(serverLane());
    for (const clock of clocks) servers.push(await startPushServer(apple, { store, clock }));
    await servers[0]?.certify();
  });
  afterAll(async () => {
    for (const server of servers) await server.stop();
    await store.drop();
    await apple.close();
  });

  const { sql } = {
    sql: async (text: string, values: readonly unknown[] = []) =>
      (await store.database.graph.query(text, [...values])).rows as Record<string, unknown>[],
  };
  const keyOf = async (id: string) =>
    String((await sql('select key from enrollment where id = $1', [id]))[0]?.['key']);
  const position = async () =>
    Number((await sql("select position from sweep where name = 'push'"))[0]?.['position']);

  /** Lets both processes take their minute's step until the round is through. */
  async function round(): Promise<number> {
    const [last] = await sql('select max(key)::int as key from enrollment');
    let steps = 0;
    await sql("update sweep set position = 0 where name = 'push'");
    while ((await position()) < Number(last?.['key'])) {
      const before = await position();
      await sql("update sweep set at = now() - interval '3 days' where name = 'push'");
      // One of them has the lease; when the step is taken shows in the position alone.
      while ((await position()) === before) {
        for (const clock of clocks) clock.strike();
        await new Promise(setImmediate);
      }
      steps += 1;
    }
    return steps;
  }

  it('wakes who has work waiting or was silent for a day, each once, and nobody else', async () => {
    const devices = await pushables(store, ids);
    await sql("update enrollment set created_at = now() - interval '3 days'");
    await sql(
      `insert into enrollment_seen (enrollment_key, last_seen_at)
       select key, now() - case when id = any($1) then interval '25 hours' else interval '1 hour' end
       from enrollment where id <> 'NEVER SEEN'`,
      [['SILENT', 'DISABLED', 'DEAD TOKEN', 'PUSHED TO', 'TO BE RETRIED', 'GIVEN UP']],
    );
    await sql("update enrollment set enabled = false where id = 'DISABLED'");
    const command = await aStoredCommand(store.database.graph);
    for (const id of ['WORK WAITS', 'NOT NOW', 'WORK FOR LATER']) {
      await anEntry(store.database.graph, await keyOf(id), command.key);
    }
    await sql(
      'update queue_entry set not_now_at = now(), not_now_tally = 1 where enrollment_key = $1',
      [await keyOf('NOT NOW')],
    );
    await sql(
      "update queue_entry set not_before = now() + interval '1 day' where enrollment_key = $1",
      [await keyOf('WORK FOR LATER')],
    );
    await sql(
      `insert into push_state (enrollment_key, claimed_at, outcome, outcome_at, retry_at, token_updated_at)
       select key, now() - case id when 'PUSHED TO' then interval '10 minutes' else interval '1 day' end,
         case id when 'DEAD TOKEN' then 'UNREGISTERED' when 'PUSHED TO' then 'ACCEPTED' else 'UNAVAILABLE' end,
         now() - interval '10 minutes', case id when 'TO BE RETRIED' then now() + interval '20 minutes' end,
         token_updated_at
       from enrollment where id in ('DEAD TOKEN', 'PUSHED TO', 'TO BE RETRIED', 'GIVEN UP')`,
    );
    const steps = await round();
    // Ten minutes' worth at most, however long nobody swept.
    expect(steps).toBe(ids.length);

    const woken = ['SILENT', 'NEVER SEEN', 'WORK WAITS', 'NOT NOW', 'GIVEN UP'];
    const wanted = devices.filter(({ id }) => woken.includes(id));
    await Promise.all(wanted.map((one) => apple.pushedTo(one)));
    const asked = await sql(
      `select e.id from push_state s join enrollment e on e.key = s.enrollment_key
       where s.claimed_at > now() - interval '5 minutes' or s.retry_at < now() + interval '5 minutes'`,
    );
    expect(new Set(asked.map((row) => row['id']))).toEqual(new Set(woken));

    // Who was pushed to just now is left in peace by the next round.
    await round();
    const [other] = await pushables(store, ['SENTINEL']);
    await sql(
      `insert into push_state (enrollment_key, claimed_at, retry_at)
       select key, timestamptz 'epoch', now() from enrollment where id = 'SENTINEL'`,
    );
    await apple.pushedTo(other ?? { pushToken: Buffer.alloc(0) });
    expect(wanted.map(apple.countOf)).toEqual(wanted.map(() => 1));
  });

  it('takes a small step at a time through a large fleet, and none before its time', async () => {
    await pushables(store, idsNamed('large', 2_880));
    const [row] = await sql('select max(key)::int - min(key)::int + 1 as keys from enrollment');
    const keys = Number(row?.['keys']);
    expect(keys).toBeGreaterThan(2_880);
    // A 144th of a day's round is ten minutes' worth.
    expect(await round()).toBe(Math.ceil(keys / Math.ceil(keys / 144)));

    await sql("update sweep set position = 0, at = now() where name = 'push'");
    for (const clock of clocks) clock.strike();
    const [device] = await pushables(store, ['SENTINEL 2']);
    await sql(
      `insert into push_state (enrollment_key, claimed_at, retry_at)
       select key, timestamptz 'epoch', now() from enrollment where id = 'SENTINEL 2'`,
    );
    await apple.pushedTo(device ?? { pushToken: Buffer.alloc(0) });
    expect(await position()).toBe(0);
  });
});
