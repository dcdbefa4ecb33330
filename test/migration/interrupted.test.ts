import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aMigratedCommand, anAuthenticate, aTokenUpdate } from '../build/migration-records.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { bySse } from '../graph/subscribe.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { pause, progress, resume } from './documents.ts';
import { begin, ended, graphOf, type Line, send, standing } from './stage.ts';

const soak = process.env['GRAPHMDM_SOAK'] === '1';
const count = soak ? 100_000 : 400;
/** A third of a million lines take their time, in milliseconds. */
const patience = { timeout: soak ? 900_000 : 30_000 };

/** A fleet of which every tenth line is wrong, each with a waiting command. */
function fleet(name: string): { readonly lines: readonly Line[]; readonly bad: readonly number[] } {
  const lines: Line[] = [aMigratedCommand(name)];
  const bad: number[] = [];
  for (let at = 0; at < count; at++) {
    const id = `${name}-${at}`;
    lines.push(aTokenUpdate(id), anAuthenticate(id));
    lines.push({ kind: 'queueEntry', enrollment: id, commandUuid: name });
    if (at % 3 !== 0) continue;
    lines.push('{"kind":"tokenUpdate","raw":"PD94');
    bad.push(lines.length);
  }
  return { lines, bad };
}

describe('an import that is interrupted', () => {
  let first: TestServer;
  beforeAll(async () => {
    first = await startServer();
  });
  afterAll(() => first.stop());

  /** Waits until some of a job is done. */
  async function underWay(server: TestServer, job: { jobId: string; cursor: string }) {
    const stream = await bySse(graphOf(server), adminToken, progress, {
      job: job.jobId,
      after: job.cursor,
    });
    for (;;) {
      const { value, done } = await stream.next();
      const item = done ? null : value.data?.jobProgress;
      if (item?.__typename === 'JobProgressedEvent' && (item.done ?? 0) > 0) break;
    }
    await stream.close();
  }

  const counts = async (name: string) => {
    const { rows } = await first.store.database.graph.query(
      `select count(*)::int as enrolled,
         (select target_count from command where uuid = $1) as targets,
         (select count(*)::int from event v join enrollment n on n.key = v.enrollment_key
          where n.id like $1 || '-%' and v.type = 'EnrollmentMigrated') as told,
         (select count(*)::int from queue_entry q join command c on c.key = q.command_key
          where c.uuid = $1) as waiting
       from enrollment where id like $1 || '-%' and enabled`,
      [name],
    );
    return rows[0];
  };
  const all = { enrolled: count, targets: count, told: count, waiting: count };

  it(
    'is paused and goes on; the good come in, the bad are listed with their lines',
    patience,
    async () => {
      const { lines, bad } = fleet('PAUSED');
      const job = await begin(first, await send(first, lines));
      await underWay(first, job);
      const input = { jobId: job.jobId };
      await dataOf(ask(graphOf(first), adminToken, pause, { input }));
      expect((await standing(first, job.jobId, job.cursor)).state).toBe('PAUSED');
      await dataOf(ask(graphOf(first), adminToken, resume, { input }));
      const imported = await ended(first, job);
      expect(imported).toMatchObject({
        state: 'SUCCEEDED',
        failed: bad.length,
        total: lines.length,
      });
      expect(imported.errors).toEqual(
        bad.map((line) => ({ line, code: 'NOT_JSON', subject: null })),
      );
      expect(await counts('PAUSED')).toEqual(all);
    },
  );

  it(
    'goes on in another process, each line once, also when the first is still at it',
    patience,
    async () => {
      const { lines, bad } = fleet('TAKEN');
      const job = await begin(first, await send(first, lines));
      await underWay(first, job);
      // As if the first had died: its lease is over, and somebody else takes the job.
      await first.store.database.graph.query('update job set lease_until = now() where id = $1', [
        job.jobId,
      ]);
      const second = await startServer({ store: first.store, authority: first.authority });
      try {
        const imported = await ended(second, job);
        expect(imported).toMatchObject({
          state: 'SUCCEEDED',
          done: lines.length - bad.length,
          failed: bad.length,
        });
        expect(await counts('TAKEN')).toEqual(all);
      } finally {
        await second.stop();
      }
    },
  );

  it('leaves nothing of a page that another process has taken over meanwhile', async () => {
    const { graph } = first.store.database;
    await ended(
      first,
      await begin(first, await send(first, [anAuthenticate('HELD'), aTokenUpdate('HELD')])),
    );
    const holderOf = async (jobId: string) =>
      (await graph.query('select holder, cursor from job where id = $1', [jobId])).rows[0];
    const lines = [{ kind: 'queueEntry', enrollment: 'HELD', commandUuid: 'NOBODYS' }];
    const client = await graph.connect();
    try {
      await client.query('begin');
      await client.query(`select from enrollment where id = 'HELD' for update`);
      const job = await begin(first, await send(first, lines));
      // It has sorted the lines, and waits for the device's row.
      let before = await holderOf(job.jobId);
      while (before?.cursor?.phase !== 2) before = await holderOf(job.jobId);
      await someoneWaits();
      // Its holder may prolong the lease at the same moment: it ends again until somebody else has the job.
      const end = 'update job set lease_until = now() where id = $1 and holder = $2';
      while ((await graph.query(end, [job.jobId, before.holder])).rowCount);
      await client.query('commit');
      expect(await ended(first, job)).toMatchObject({
        state: 'SUCCEEDED',
        done: 0,
        failed: 1,
        errors: [{ line: 1, code: 'UNKNOWN_COMMAND' }],
      });
    } finally {
      client.release();
    }
  });

  /** Waits until an import waits for a row that somebody else holds. */
  async function someoneWaits() {
    for (;;) {
      const { rows } = await first.store.database.graph.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
           and query like '%from enrollment where id = any%'`,
      );
      if (rows.length > 0) return;
    }
  }
});
