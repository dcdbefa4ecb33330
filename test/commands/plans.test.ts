import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TargetState } from '../../server/model/targets.ts';
import type { Viewer } from '../../server/model/viewer.ts';
import { checkInPages } from '../../server/store/read/check-ins.ts';
import { targetPages } from '../../server/store/read/command-targets.ts';
import type { CommandFilter } from '../../server/store/read/command-filter.ts';
import { commandPage } from '../../server/store/read/commands.ts';
import type { Queryable, Stretch } from '../../server/store/read/keyset.ts';
import { queuePages } from '../../server/store/read/queue.ts';
import { commandResultPages, enrollmentResultPages } from '../../server/store/read/results.ts';
import { type TestDatabase, testDatabase } from '../harness/database.ts';
import { costOf, stretches } from '../harness/plan-cost.ts';

const size = process.env['GRAPHMDM_SOAK'] ? 1_000_000 : 100_000;
/** Pages of 8 KB that a page of 20 may touch: each row has its enrolment and its command looked up. */
const mostBuffers = 600;

let store: TestDatabase;
/** The command that is sent to all, and the device that has all commands. */
let wide: bigint;
let deep: bigint;

const patience = { query_timeout: 600_000 };

beforeAll(async () => {
  store = await testDatabase();
  const client = await store.database.graph.connect();
  const run = (text: string, values: readonly unknown[] = []) =>
    client.query<{ key: string }>({ text, values: [...values], ...patience });
  await client.query('set statement_timeout = 0');
  await run(
    `insert into enrollment (id, tenant_id, kind, enabled)
     select 'D-' || lpad(n::text, 7, '0'), case when n = $1 then 2 else 1 end, 'DEVICE', true
     from generate_series(1, $1) n`,
    [size],
  );
  // The oldest commands are the small tenant's.
  await run(
    `insert into command (uuid, tenant_id, request_type, body, body_fingerprint, targets_sha256,
       created_by, created_at)
     select 'C-' || n, case when n <= 100 then 2 else 1 end,
       case when n % 5000 = 0 then 'Rare' else 'ProfileList' end, '', '', '',
       case when n % 4000 = 0 then 'token:rare' else 'token:many' end,
       timestamptz '2026-01-01Z' + n * interval '1 minute'
     from generate_series(1, $1) n`,
    [size],
  );
  // A third tenant has as many as a tenth of all, of its own types and makers, but for a few.
  await run(
    `insert into command (uuid, tenant_id, request_type, body, body_fingerprint, targets_sha256,
       created_by, created_at)
     select 'M-' || n, 3, case when n % 1000 = 0 then 'SecurityInfo' else 'ProfileList' end, '', '', '',
       case when n % 1000 = 1 then 'token:many' else 'token:own' end,
       timestamptz '2026-01-01Z' + n * interval '1 minute'
     from generate_series(1, $1 / 10) n`,
    [size],
  );
  const only = async (text: string) => BigInt((await run(text)).rows[0]?.key ?? 0);
  wide = await only('select max(key) as key from command where tenant_id = 1');
  deep = await only("select key from enrollment where id = 'D-0000001'");
  // Half of all still wait; some were put off, were refused, failed or ended otherwise.
  await run(
    `insert into queue_entry (enrollment_key, urgency, command_key, not_now_at)
     select key, 0, $1, case when key % 3000 = 0 then now() end from enrollment where key % 2 = 0
     order by key`,
    [wide],
  );
  await run(
    `insert into command_result (enrollment_key, command_key, ended, status, queued_at)
     select key, $1,
       case when key % 3001 = 0 then 'CANCELLED' when key % 3011 = 0 then 'EXPIRED' else 'ANSWERED' end,
       case when key % 3019 = 0 then 'Error' else 'Acknowledged' end, now()
     from enrollment where key % 2 = 1 order by key`,
    [wide],
  );
  await run(
    `insert into command_refusal (command_key, enrollment_key, tenant_id, rule)
     select $1, key, 1, 'NOT_ENABLED' from enrollment where key % 5003 = 0`,
    [wide - 1n],
  );
  // A device that answered most of what there ever was, and was sent the rest.
  await run(
    `insert into command_result (enrollment_key, command_key, ended, status, queued_at)
     select $1, key, case when key % 3001 = 0 then 'CLEARED' else 'ANSWERED' end,
       case when key % 3019 = 0 then 'Error' else 'Acknowledged' end, now()
     from command where key < $2 and key % 10 <> 0 order by key on conflict do nothing`,
    [deep, wide],
  );
  await run(
    `insert into queue_entry (enrollment_key, urgency, command_key, not_now_at)
     select $1, key % 3, key, case when key % 30 = 0 then now() end
     from command where key < $2 and key % 10 = 0 on conflict do nothing`,
    [deep, wide],
  );
  await run(
    `insert into check_in (id, enrollment_key, message_type, raw, trace_id, received_at)
     select gen_random_uuid(), case when n % 10 = 0 then $1::bigint else n end, 'TokenUpdate', '', 't',
       timestamptz '2026-01-01Z' + n * interval '1 minute' from generate_series(1, $2::int) n`,
    [deep, size],
  );
  // Of the third tenant few are open, of the large one very many.
  await run(
    `insert into queue_entry (enrollment_key, urgency, command_key)
     select $1, 0, key from command where tenant_id = 3 and key % 200 = 0`,
    [deep],
  );
  for (const table of [
    ...['enrollment', 'command', 'queue_entry', 'command_result', 'command_refusal', 'check_in'],
  ]) {
    await run(`vacuum analyze ${table}`);
  }
  client.release(true);
}, 1_200_000);
afterAll(() => store.drop());

const ofTenant: Viewer = { actor: 'test', tokenId: null, tenant: 1, scopes: new Set() };
const ofSmallTenant: Viewer = { ...ofTenant, tenant: 2 };
const ofMiddleTenant: Viewer = { ...ofTenant, tenant: 3 };
const ofAll: Viewer = { ...ofTenant, tenant: null };

async function demandPage<Position>(
  middle: Position,
  read: (db: Queryable, viewer: Viewer, stretch: Stretch<Position>) => Promise<unknown>,
  viewers: readonly Viewer[] = [ofTenant, ofSmallTenant, ofAll],
): Promise<void> {
  for (const viewer of viewers) {
    for (const stretch of stretches(middle)) {
      const { buffers, said } = await costOf(store.database.graph, (db) =>
        read(db, viewer, stretch),
      );
      const shown = { ...stretch, after: stretch.after !== null, before: stretch.before !== null };
      const about = `${viewer.tenant} ${JSON.stringify(shown)} ${buffers}: ${said}`;
      expect(buffers, about).toBeLessThan(mostBuffers);
    }
  }
}

describe(`a page of ${size}`, () => {
  /** A moment in the middle, and one a day later. */
  const noon = new Date(Date.UTC(2026, 0, 1) + (size / 2) * 60_000);
  const later = new Date(Number(noon) + 86_400_000);
  const filters: Readonly<Record<string, CommandFilter>> = {
    none: {},
    'a type that many have': { requestTypes: ['ProfileList'] },
    'a type that few have': { requestTypes: ['Rare'] },
    'a type that the others have': { requestTypes: ['SecurityInfo'] },
    'several types': { requestTypes: ['Rare', 'SecurityInfo', 'ProfileList'] },
    'types that few have': { requestTypes: ['Rare', 'SecurityInfo'] },
    'a type that few have and a maker of many': {
      requestTypes: ['Rare'],
      createdBy: 'token:many',
    },
    'a maker of many': { createdBy: 'token:many' },
    'a maker of few': { createdBy: 'token:rare' },
    'a time to begin with': { createdFrom: noon },
    'a time to end with': { createdBefore: noon },
    'times that are close': { createdFrom: noon, createdBefore: later },
    'times and a type': { createdBefore: noon, requestTypes: ['ProfileList'] },
    'times and a maker': { createdBefore: noon, createdBy: 'token:many' },
    'what is open': { open: true },
    'what is open of a type that few have': { open: true, requestTypes: ['Rare'] },
    'what is finished': { open: false },
    'what is finished of a type that few have': { open: false, requestTypes: ['Rare'] },
    'what was finished in a time': { open: false, createdBefore: noon },
  };
  const viewers = [ofTenant, ofSmallTenant, ofMiddleTenant, ofAll];

  it.each(Object.entries(filters))('commands costs a page, filtered by %s', async (_, filter) => {
    for (const micros of [BigInt(Number(noon)) * 1_000n, null]) {
      await demandPage(
        { key: wide / 2n, micros },
        (db, viewer, stretch) => commandPage(db, viewer, filter, stretch),
        viewers,
      );
    }
  });

  const states: readonly (TargetState | null)[] = [
    ...([null, 'PENDING', 'NOT_NOW', 'ACKNOWLEDGED', 'ERROR', 'CANCELLED', 'EXPIRED'] as const),
    'UNENROLLED',
  ];

  it.each(states)('targets of a command costs a page in the state %s', async (state) => {
    await demandPage(
      deep + BigInt(size / 2),
      (db, viewer, stretch) =>
        targetPages(db, viewer, [wide], state === null ? null : [state], stretch),
      [ofTenant, ofAll],
    );
  });

  it('refused targets of a command costs a page', async () => {
    await demandPage(deep, (db, viewer, stretch) =>
      targetPages(db, viewer, [wide - 1n], ['REFUSED'], stretch),
    );
  });

  it('results of a command costs a page', async () => {
    await demandPage(
      deep + BigInt(size / 2),
      (db, viewer, stretch) => commandResultPages(db, viewer, [wide], stretch),
      [ofTenant, ofAll],
    );
  });

  it.each([null, 'PENDING', 'NOT_NOW'] as const)('a queue costs a page: %s', async (state) => {
    const middle = { urgency: 1, commandKey: wide / 2n };
    await demandPage(middle, (db, viewer, stretch) =>
      queuePages(db, viewer, [deep], state, stretch),
    );
  });

  it.each([null, 'ACKNOWLEDGED', 'ERROR', 'CLEARED', 'EXPIRED'] as const)(
    'a history costs a page: %s',
    async (state) => {
      await demandPage(
        wide / 2n,
        (db, viewer, stretch) =>
          enrollmentResultPages(db, viewer, [deep], state === null ? null : [state], stretch),
        [ofTenant, ofAll],
      );
    },
  );

  it('the check-ins of a device costs a page', async () => {
    const middle = {
      receivedMicros: BigInt(Date.UTC(2026, 0, 1) + (size / 2) * 60_000) * 1_000n,
      id: '00000000-0000-4000-8000-000000000000',
    };
    await demandPage(middle, (db, viewer, stretch) => checkInPages(db, viewer, [deep], stretch));
  });
});
