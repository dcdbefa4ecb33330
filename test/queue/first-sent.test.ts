import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../../generated/gql/gql.ts';
import { systemClock } from '../../server/model/clock.ts';
import { silentLog } from '../../server/model/log.ts';
import { createFirstSent } from '../../server/mdm/queue/first-sent.ts';
import { writeFirstSent } from '../../server/store/queue/sent.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { rowsOf } from '../device/stored.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { databaseLanes, type TestDatabase, testDatabase } from '../harness/database.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';

const sent = graphql(`
  query FirstSent($udid: String!) {
    enrollment(udid: $udid) {
      queue {
        edges {
          node {
            commandUuid
            firstSentAt
          }
        }
      }
      results {
        edges {
          node {
            commandUuid
            firstSentAt
            queuedAt
            answeredAt
          }
        }
      }
    }
  }
`);

describe.each(databaseLanes())('firstSentAt (%s)', (lane) => {
  let store: TestDatabase;
  let server: TestServer;
  beforeAll(async () => {
    store = await testDatabase(lane);
    server = await startServer({ store });
  });
  afterAll(() => store.drop());

  const shown = async (udid: string) => {
    const url = `${server.url}/graphql`;
    const { enrollment } = await dataOf(ask({ url }, adminToken, sent, { udid }));
    return {
      queue: enrollment?.queue.edges.map(({ node }) => node) ?? [],
      results: enrollment?.results.edges.map(({ node }) => node) ?? [],
    };
  };

  it('is null for what was never handed over, and stands with the answer of what was', async () => {
    const device = await server.device(1);
    await device.enrol();
    const id = device.enrollmentId;
    await enqueue(server, [id], aCommand('sent-1'));
    await enqueue(server, [id], aCommand('sent-2'));
    expect((await shown(id)).queue.map((one) => one.firstSentAt)).toEqual([null, null]);
    await device.channel.poll();
    await device.channel.report('sent-1', { status: 'Acknowledged' });
    const { results } = await shown(id);
    expect(results).toHaveLength(1);
    const times = results.flatMap((one) => [one.queuedAt, one.firstSentAt, one.answeredAt]);
    expect(times).not.toContain(null);
    expect(times.map(String).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(times);
  });

  it('is the first of several times, and is on record when the server has stopped', async () => {
    const device = await server.device(2);
    await device.enrol();
    const id = device.enrollmentId;
    await enqueue(server, [id], aCommand('sent-3'));
    await device.channel.poll();
    const between = new Date();
    await device.channel.report('sent-3', { status: 'NotNow' });
    await device.channel.poll();
    await server.stop();
    const [row] = await rowsOf<{ first: Date | null }>(
      server,
      `select q.first_sent_at as first from queue_entry q join command c on c.key = q.command_key
       where c.uuid = 'sent-3'`,
    );
    expect(row?.first).not.toBeNull();
    expect(row?.first?.getTime()).toBeLessThanOrEqual(between.getTime());
  });

  it('joins an answer that another process took, and moves no time that is known', async () => {
    const pool = store.database.graph;
    const firstSent = createFirstSent({
      clock: systemClock,
      log: silentLog,
      flush: (times) => writeFirstSent(pool, times),
    });
    const [row] = await rowsOf<{ id: string }>(
      server,
      `select e.id from command_result r join command c on c.key = r.command_key
       join enrollment e on e.key = r.enrollment_key where c.uuid = 'sent-1'`,
    );
    await pool.query(`update command_result set first_sent_at = null`);
    const first = new Date('2026-11-28T09:00:00Z');
    for (const at of [first, new Date('2026-11-28T10:00:00Z')]) {
      firstSent.handed(row?.id ?? '', 'sent-1', at);
      await firstSent.flush();
    }
    await firstSent.stop();
    const [result] = await rowsOf<{ first: Date }>(
      server,
      'select first_sent_at as first from command_result',
    );
    expect(result?.first).toEqual(first);
  });
});
