import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PoolClient } from 'pg';
import { aCommand } from '../build/commands.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { type GraphServer, startGraph } from '../graph/graph-server.ts';
import { anEnrollment } from '../graph/rows.ts';
import { cancelCommand, clearQueue, enqueueCommand, setCommandPriority } from './documents.ts';

let server: GraphServer;
let token: string;
let other: PoolClient;

beforeAll(async () => {
  server = await startGraph();
  ({ token } = await server.token());
  await anEnrollment(server.pool, { id: 'DEVICE' });
  const input = {
    ...{ targets: { ids: ['DEVICE'] }, channels: 'DEVICE' as const, push: false, force: false },
    ...{ command: { plist: aCommand('slow') }, validateOnly: false, priority: 0 },
  };
  await dataOf(ask(server, token, enqueueCommand, { input }));
  other = await server.pool.connect();
});
afterAll(async () => {
  other.release(true);
  await server.stop();
});

describe('work on queues that the database needs too long for', () => {
  it('is a typed error that says what to do', async () => {
    // Somebody has the queue for himself, and nobody waits for it longer than a second.
    server.pool.on('acquire', (client) => void client.query('set statement_timeout = 1000'));
    await other.query('begin; lock table queue_entry in access exclusive mode');
    const targets = { filter: { enabled: true } };
    const shared = { targets, channels: 'ALL' as const, validateOnly: true };
    const outcomes = await Promise.all([
      dataOf(ask(server, token, cancelCommand, { input: { ...shared, commandUuid: 'slow' } })),
      dataOf(
        ask(server, token, setCommandPriority, {
          input: { ...shared, commandUuid: 'slow', priority: 5 },
        }),
      ),
      dataOf(ask(server, token, clearQueue, { input: shared })),
    ]);
    await other.query('rollback');
    for (const outcome of outcomes.flatMap((one): unknown[] => Object.values(one))) {
      expect(outcome).toMatchObject({
        __typename: 'QueryTooExpensiveError',
        code: 'QUERY_TOO_EXPENSIVE',
      });
    }
  });
});
