import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sweep } from '../../server/mdm/retention/sweep.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const day = 86_400;
const keep = { events: 30 * day, history: 90 * day, results: 60 * day };

function sql<Row extends object>(text: string, values: unknown[] = []) {
  return server.store.database.graph.query<Row>(text, values).then(({ rows }) => rows);
}

async function swept(): Promise<void> {
  await sweep(server.store.database.graph, keep, new AbortController().signal);
}

async function graph(query: string): Promise<unknown> {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${adminToken}` },
    body: JSON.stringify({ query }),
  });
  return response.json();
}

/** An enrolled device that has answered one command, all of it as long ago as said. */
async function answeredBefore(number: number, days: number): Promise<string> {
  const device = await server.device(number);
  await device.enrol();
  const uuid = `old-${number}`;
  await enqueue(server, [device.enrollmentId], aCommand(uuid));
  await device.channel.connect();
  const ago = `now() - interval '${days} days'`;
  await sql(`update command set created_at = ${ago} where uuid = $1`, [uuid]);
  await sql(
    `update command_result set ended_at = ${ago}, answered_at = ${ago}
     where command_key = (select key from command where uuid = $1)`,
    [uuid],
  );
  return uuid;
}

describe('what is kept', () => {
  it('is all there when it is young', async () => {
    const uuid = await answeredBefore(1, 1);
    await swept();
    expect(
      await sql(
        'select 1 from command_result where result is not null and command_key = (select key from command where uuid = $1)',
        [uuid],
      ),
    ).toHaveLength(1);
  });

  it('loses its bytes first: that it was answered, and how, stays', async () => {
    const uuid = await answeredBefore(2, 70);
    await swept();
    expect(
      await sql(
        'select status, result from command_result where command_key = (select key from command where uuid = $1)',
        [uuid],
      ),
    ).toEqual([{ status: 'Acknowledged', result: null }]);
    expect(
      await graph(`{ command(uuid: "${uuid}") { results { edges { node { status raw } } } } }`),
    ).toMatchObject({
      data: { command: { results: { edges: [{ node: { status: 'Acknowledged', raw: null } }] } } },
    });
  });

  it('goes with its command in the end, but not a command that is waited for', async () => {
    const uuid = await answeredBefore(3, 100);
    const device = await server.device(3);
    await enqueue(server, [device.enrollmentId], aCommand('still-waiting'));
    await sql(
      `update command set created_at = now() - interval '100 days' where uuid = 'still-waiting'`,
    );
    await swept();
    const left = await sql<{ uuid: string }>('select uuid from command where uuid = any($1)', [
      [uuid, 'still-waiting'],
    ]);
    expect(left).toEqual([{ uuid: 'still-waiting' }]);
  });

  it('of the events is what a cursor may still follow: an older one is told that it expired', async () => {
    const before: unknown = await graph('{ eventCursor }');
    await answeredBefore(4, 1);
    // Numbered first: what has no number yet is never deleted.
    const patiently = { timeout: 30_000 };
    await expect
      .poll(() => sql('select 1 from event where seq is null'), patiently)
      .toHaveLength(0);
    // And projected: what a lane has not passed is kept for it.
    const behind = 'select 1 from projection_lane, event_stream where position < last_seq';
    await expect.poll(() => sql(behind), patiently).toHaveLength(0);
    const [{ count } = { count: 0 }] = await sql<{ count: number }>(
      'select count(*)::int as count from event',
    );
    expect(count).toBeGreaterThan(3);
    await sql(`update event set at = now() - interval '40 days'`);
    // What no projection has passed is kept for it; these have nothing to do with it.
    await sql('update projection_lane set position = (select last_seq from event_stream)');
    await swept();
    expect(await sql('select 1 from event')).toEqual([]);
    const cursor = (before as { data: { eventCursor: string } }).data.eventCursor;
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'text/event-stream',
        Authorization: `Bearer ${adminToken}`,
      },
      body: JSON.stringify({ query: `subscription { events(after: "${cursor}") { __typename } }` }),
    });
    expect(await response.text()).toContain('CURSOR_EXPIRED');
  });
});

describe('challenges', () => {
  /** An invitation that ended so many days ago, used once; with a certificate that ends in so many. */
  async function usedInvitation(daysAgo: number, certificateDays: number | null): Promise<string> {
    const [row] = await sql<{ id: string }>(
      `insert into enrollment_invitation (id, tenant_id, challenge_sha256, tags, expires_at, created_by)
       values (gen_random_uuid(), 1, gen_random_uuid()::text::bytea, '{}',
         now() - make_interval(days => $1), 'test') returning id`,
      [daysAgo],
    );
    const id = row?.id ?? '';
    await sql(`insert into challenge_use values ($1, 'transaction', 'key', now())`, [id]);
    if (certificateDays !== null) {
      await sql(
        `insert into issued_certificate (tenant_id, serial, subject, issuer_sha256, public_key_sha256,
           requester_key_sha256, transaction_id, purpose_sha256, invitation_id, not_before, not_after)
         values (1, $1::text, '', '', '', '', '', '', $1::uuid, now(), now() + make_interval(days => $2))`,
        [id, certificateDays],
      );
    }
    return id;
  }

  const uses = async (challenge: string) =>
    (await sql('select 1 from challenge_use where challenge = $1', [challenge])).length;

  it('are forgotten with their invitation, long after it has ended', async () => {
    const young = await usedInvitation(10, null);
    const old = await usedInvitation(100, null);
    const spent = await usedInvitation(100, -1);
    const needed = await usedInvitation(100, 30);
    await sql(
      `insert into challenge_use values ('static', 'old', 'key', now() - interval '100 days'),
         ('static', 'young', 'key', now())`,
    );
    await swept();
    const left = await sql<{ id: string }>('select id from enrollment_invitation');
    expect(left.map(({ id }) => id).toSorted()).toEqual([young, needed].toSorted());
    expect(await Promise.all([young, old, spent, needed, 'static'].map(uses))).toEqual([
      1, 0, 0, 1, 1,
    ]);
  });
});
