import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type GraphServer, startGraph } from '../graph/graph-server.ts';
import { anEnrollment, anEvent } from '../graph/rows.ts';
import { startCuttingProxy } from './cutting-proxy.ts';
import { randomFrom } from './random.ts';
import { clientOf, transports } from './transports.ts';

const cutsWanted = 100;

let server: GraphServer;
let token: string;
let key: string;

beforeAll(async () => {
  server = await startGraph();
  ({ token } = await server.token());
  key = await anEnrollment(server.pool, { id: 'CUT', serialNumber: 'SN-CUT' });
});

afterAll(() => server.stop());

/** Events as they stand in the database, behind a number. */
async function stored(after: bigint): Promise<readonly string[]> {
  const { rows } = await server.pool.query<{ id: string }>(
    `select id from event where seq > $1 and type = 'EnrollmentTokenUpdated' order by seq`,
    [after],
  );
  return rows.map(({ id }) => globalId(id));
}

function globalId(id: string): string {
  return Buffer.from(`EnrollmentTokenUpdatedEvent:${id}`).toString('base64');
}

async function lastSeq(): Promise<bigint> {
  const { rows } = await server.pool.query<{ seq: string }>(
    'select last_seq as seq from event_stream',
  );
  return BigInt(rows[0]?.seq ?? 0);
}

describe.each(transports)('a connection by %s that is cut a hundred times under load', (name) => {
  it('costs no event, doubles none, and keeps their order', { timeout: 120_000 }, async () => {
    const seed = Number(process.env['GRAPHMDM_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
    const random = randomFrom(seed);
    let cutting = true;
    const { port } = new URL(server.url);
    const proxy = await startCuttingProxy(Number(port), () => (cutting ? 1 + random(6_000) : null));
    onTestFinished(proxy.close);
    const mdm = clientOf(proxy.url, token, name, {
      retry: { minDelay: 1, maxDelay: 20, attempts: 1_000 },
    });
    onTestFinished(() => mdm.close());

    const before = await lastSeq();
    const after = await mdm.eventCursor();
    const filter = { types: ['EnrollmentTokenUpdated', 'EnrollmentCheckedOut'] } as const;
    const received: string[] = [];
    const followed = (async () => {
      for await (const event of mdm.events({ after, filter })) {
        if (event.__typename === 'EnrollmentCheckedOutEvent') return;
        received.push(event.id);
      }
    })();

    const produce = async () => {
      while (cutting) {
        await anEvent(server, { type: 'EnrollmentTokenUpdated', enrollmentKey: key });
      }
    };
    const produced = [produce(), produce(), produce()];
    await proxy.cutSoOften(cutsWanted);
    cutting = false;
    await Promise.all(produced);
    await anEvent(server, { type: 'EnrollmentCheckedOut', enrollmentKey: key });
    await followed;
    expect(received.length).toBeGreaterThan(cutsWanted);

    const expected = await stored(before);
    expect(proxy.cuts(), `GRAPHMDM_SEED=${seed}`).toBeGreaterThanOrEqual(cutsWanted);
    // Two lists of thousands are compared as one word, so that a failure can be read.
    expect(received.length, `GRAPHMDM_SEED=${seed}`).toBe(expected.length);
    expect(
      received.find((id, index) => id !== expected[index]),
      `GRAPHMDM_SEED=${seed}`,
    ).toBe(undefined);
  });
});
