import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { typed } from '../../clients/sdk/document.ts';
import { CursorError, OperationError, UnauthorizedError } from '../../clients/sdk/errors.ts';
import { revokeToken } from '../../server/store/tokens.ts';
import { startProxy } from '../events/half-open-proxy.ts';
import { type GraphServer, startGraph } from '../graph/graph-server.ts';
import { anEnrollment, anEvent } from '../graph/rows.ts';
import { clientOf, transports } from './transports.ts';

let server: GraphServer;
let token: string;
let key: string;

beforeAll(async () => {
  server = await startGraph();
  ({ token } = await server.token());
  key = await anEnrollment(server.pool, { id: 'ENDS', serialNumber: 'SN-ENDS' });
});

afterAll(() => server.stop());

function happen() {
  return anEvent(server, { type: 'EnrollmentTokenUpdated', enrollmentKey: key });
}

describe.each(transports)('an iterator over %s', (name) => {
  function client(
    ...[given = token, url = server.url, more]: [token?: string, url?: string, more?: object]
  ) {
    const mdm = clientOf(url, given, name, more);
    onTestFinished(() => mdm.close());
    return mdm;
  }

  it('ends with UnauthorizedError when its token is revoked', async () => {
    const given = await server.token();
    const events = client(given.token).events({ checkpoints: true });
    expect(await events.next()).toMatchObject({ value: { __typename: 'Checkpoint' } });
    const next = events.next();
    next.catch(() => {});
    await revokeToken(server.pool, given.id);
    await expect(next).rejects.toBeInstanceOf(UnauthorizedError);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  it('ends with UnauthorizedError when its token is nobody’s', async () => {
    await expect(client('gmdm_nobody').events().next()).rejects.toBeInstanceOf(UnauthorizedError);
  });

  it('goes on with the token that takes the place of a revoked one', async () => {
    const given = await server.token();
    let current = given.token;
    const mdm = clientOf(server.url, () => current, name);
    onTestFinished(() => mdm.close());
    const events = mdm.events({ checkpoints: true });
    await events.next();
    const next = events.next();
    current = token;
    await revokeToken(server.pool, given.id);
    await happen();
    expect(await next).toMatchObject({ value: { enrollmentId: 'ENDS' } });
    await events.return?.();
  });

  it('ends with CursorError when events behind its cursor are gone, and tells the oldest there is', async () => {
    const mdm = client();
    const old = await mdm.eventCursor();
    await happen();
    await mdm.events({ after: old }).next();
    await server.pool.query('update event_stream set oldest_seq = last_seq + 1');
    const error = await mdm
      .events({ after: old })
      .next()
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(CursorError);
    expect(error).toMatchObject({ code: 'CURSOR_EXPIRED', oldest: expect.any(String) });
    await server.pool.query('update event_stream set oldest_seq = 1');
    await expect(mdm.events({ after: 'nonsense' }).next()).rejects.toMatchObject({
      name: 'CursorError',
      code: 'CURSOR_INVALID',
    });
  });

  it('ends with OperationError when the server will never have it', async () => {
    const narrow = await server.token({ scopes: ['enrollments:read'] });
    const forbidden = client(narrow.token).events().next();
    await expect(forbidden).rejects.toBeInstanceOf(OperationError);
    await expect(forbidden).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const wrong = typed<{ events: { cursor: string } }, object>(
      'subscription ($after: String) { events(after: $after) { nothing } }',
    );
    await expect(client().follow(wrong, {}).next()).rejects.toBeInstanceOf(OperationError);
  });

  it('yields events whose links its token may not see, with null in their place', async () => {
    const narrow = await server.token({ scopes: ['events:read'] });
    const document = typed<{ events: { cursor: string; enrollment: unknown } }, object>(
      `subscription ($after: String) { events(after: $after) {
        ... on Checkpoint { cursor }
        ... on Event { cursor enrollment { enrollmentId } } } }`,
    );
    const mdm = client(narrow.token);
    const after = await mdm.eventCursor();
    await happen();
    expect(await mdm.follow(document, { after }).next()).toEqual({
      done: false,
      value: { cursor: expect.any(String), enrollment: null },
    });
  });

  it('is told what its document lacks to be resumed', async () => {
    const mdm = client();
    const noAfter = typed<{ events: object }, object>('subscription { events { __typename } }');
    await expect(mdm.follow(noAfter, {}).next()).rejects.toThrow('`$after: String`');
    const noCursor = typed<{ events: object }, object>(
      'subscription ($after: String) { events(after: $after) { __typename } }',
    );
    await expect(mdm.follow(noCursor, {}).next()).rejects.toThrow('select `cursor`');
  });

  it('ends at once when it is left, aborted or closed while it waits', async () => {
    const done = { done: true, value: undefined };
    const mdm = client();
    const left = mdm.events();
    const aborted = new AbortController();
    const abortable = mdm.events({ signal: aborted.signal });
    const closed = mdm.events();
    const waiting = [left.next(), abortable.next(), closed.next()];
    await left.return?.();
    expect(await waiting[0]).toEqual(done);
    aborted.abort();
    expect(await waiting[1]).toEqual(done);
    mdm.close();
    expect(await waiting[2]).toEqual(done);
    expect(await mdm.events().next()).toEqual(done);
  });

  it('notices a network that swallows everything, and goes on over another connection', async () => {
    const { port } = new URL(server.url);
    const proxy = await startProxy({ host: '127.0.0.1', port: Number(port) });
    onTestFinished(proxy.close);
    const causes: string[] = [];
    const mdm = client(token, `http://127.0.0.1:${proxy.port}`, {
      silence: 300,
      onInterruption: ({ cause }: { cause: unknown }) => causes.push(String(cause)),
    });
    const events = mdm.events({ checkpoints: true });
    await events.next();
    proxy.swallow();
    await happen();
    expect(await events.next()).toMatchObject({ value: { enrollmentId: 'ENDS' } });
    expect(causes.length).toBeGreaterThan(0);
    await events.return?.();
  });
});

describe('a reader who is behind', () => {
  it('has a thousand events waiting at most, and gets all of them', async () => {
    let givenBack = () => {};
    const isGivenBack = new Promise<void>((resolve) => {
      givenBack = resolve;
    });
    class Watched extends WebSocket {
      override send(data: string) {
        if (data.includes('"complete"')) givenBack();
        super.send(data);
      }
    }
    const mdm = clientOf(server.url, token, 'websocket', { webSocketImpl: Watched });
    onTestFinished(() => mdm.close());
    const after = await mdm.eventCursor();
    await server.pool.query(
      `insert into event (type, tenant_id, trace_id, enrollment_key, data)
       select 'EnrollmentTokenUpdated', 1, n::text, $1, '{}' from generate_series(1, 2500) n`,
      [key],
    );
    server.events.committed();
    const traces: (string | null)[] = [];
    for await (const { traceId } of mdm.events({ after })) {
      if (traces.push(traceId) === 1) await isGivenBack;
      if (traces.length === 2500) break;
    }
    expect(new Set(traces).size).toBe(2500);
  });
});
