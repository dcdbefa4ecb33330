import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import { aCommand } from '../build/commands.ts';
import { checkInType, sendRaw, signedBy } from '../build/raw-request.ts';
import { rowsOf } from '../device/stored.ts';
import { adminToken, type TestServer, startServer } from '../harness/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ flags: ['--dump'] });
});
afterAll(() => server.stop());

let ids = 0;
/** A trace id that nothing else has, and the header that carries it. */
function aTrace() {
  const traceId = (++ids).toString(16).padStart(32, 'feed0000');
  return { traceId, traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
}

const linesOf = (traceId: string) =>
  server.log.filter((line) => line['traceId'] === traceId).map(({ msg }) => msg);

async function send(message: PlistDict, traceparent: string | null, signed = true) {
  const device = await server.device(1);
  const body = buildPlist({ UDID: device.facts.udid, ...message });
  const headers = {
    ...(message['MessageType'] !== undefined && { 'Content-Type': checkInType }),
    ...(traceparent !== null && { traceparent }),
    ...(signed && signedBy((await identity()) ?? device.identity, body)),
  };
  return sendRaw({ url: server.deviceUrl, headers, body });
}

let own: Promise<Awaited<ReturnType<TestServer['device']>>['identity']> | null = null;
/** The one identity of the one device here. */
function identity() {
  own ??= server.device(1).then((device) => device.identity);
  return own;
}

/** Asks the graph with a trace. */
function ask(query: string, variables: object, traceparent: string) {
  return fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/graphql-response+json',
      Authorization: `Bearer ${adminToken}`,
      traceparent,
    },
    body: JSON.stringify({ query, variables }),
  }).then((response) => response.text());
}

function eventTraces(type: string): Promise<readonly { readonly trace_id: string }[]> {
  return rowsOf(server, 'select trace_id from event where type = $1 order by id', [type]);
}

describe('a device’s trace id', () => {
  it('is taken from its request, into check-in, event and every line of the log', async () => {
    const { traceId, traceparent } = aTrace();
    expect((await send({ MessageType: 'Authenticate', Topic: 't' }, traceparent)).status).toBe(200);
    expect(await eventTraces('EnrollmentAuthenticated')).toEqual([{ trace_id: traceId }]);
    const kept = await rowsOf(server, 'select 1 from check_in where trace_id = $1', [traceId]);
    expect(kept).toHaveLength(1);
    expect(linesOf(traceId)).toEqual(['dump', 'dump']);
  });

  it('is in the line that tells of a refusal, and of a fault of ours', async () => {
    const refused = aTrace();
    expect((await send({ Status: 'Idle' }, refused.traceparent, false)).status).toBe(400);
    expect(linesOf(refused.traceId)).toContainEqual(expect.stringMatching(/^device refused/));
    const failed = aTrace();
    await rowsOf(server, 'alter table check_in rename to away');
    const reply = await send({ MessageType: 'GetBootstrapToken' }, failed.traceparent);
    await rowsOf(server, 'alter table away rename to check_in');
    expect(reply.status).toBe(500);
    expect(linesOf(failed.traceId)).toContain('device message failed');
  });

  it.each([
    null,
    '',
    'nonsense',
    '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
    '00-ABCDEFABCDEFABCDEFABCDEFABCDEFAB-00f067aa0ba902b7-01',
    '00-abc-00f067aa0ba902b7-01',
  ])('is made where there is none that is good (%j)', async (traceparent) => {
    const from = server.log.length;
    expect((await send({ MessageType: 'GetBootstrapToken' }, traceparent)).status).toBe(200);
    const made = new Set(server.log.slice(from).map((line) => line['traceId']));
    expect([...made]).toEqual([expect.stringMatching(/^[\da-f]{32}$/)]);
    const [traceId] = made;
    expect((await eventTraces('BootstrapTokenRequested')).at(-1)).toEqual({ trace_id: traceId });
    expect(linesOf(String(traceId))).toEqual(['dump', 'dump']);
    expect(String(traceparent)).not.toContain(String(traceId));
  });
});

describe('an integrator’s trace id', () => {
  const enqueueing = `mutation ($plist: String!) { enqueueCommand(input: {
    targets: { all: true }, command: { plist: $plist }, push: false }) { __typename } }`;

  it('is in the events and the audit of what he does, and in his events’ traceId', async () => {
    const { traceId, traceparent } = aTrace();
    const answer = await ask(enqueueing, { plist: aCommand('traced') }, traceparent);
    expect(answer).toContain('EnqueueCommandPayload');
    expect(await eventTraces('CommandEnqueued')).toEqual([{ trace_id: traceId }]);
    const audit = await rowsOf(server, 'select 1 from audit_entry where trace_id = $1', [traceId]);
    expect(audit).toHaveLength(1);
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'text/event-stream',
        Authorization: `Bearer ${adminToken}`,
      },
      body: JSON.stringify({
        query: 'subscription { events(after: "EARLIEST") { __typename ... on Event { traceId } } }',
      }),
    });
    expect(await seen(response, traceId)).toContain(`"traceId":"${traceId}"`);
  });

  it('is in the error that he gets for a fault of ours, and in the line that tells more', async () => {
    const { traceId, traceparent } = aTrace();
    await rowsOf(server, 'alter table command rename to away');
    const answer = await ask(enqueueing, { plist: aCommand('failing') }, traceparent);
    await rowsOf(server, 'alter table away rename to command');
    expect(JSON.parse(answer)).toMatchObject({
      errors: [{ extensions: { code: 'INTERNAL_SERVER_ERROR', traceId } }],
    });
    expect(linesOf(traceId)).toEqual(['a GraphQL operation failed']);
  });
});

describe('a subscriber’s trace id', () => {
  const subscribing = (query: string, traceparent: string) =>
    fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'text/event-stream',
        Authorization: `Bearer ${adminToken}`,
        traceparent,
      },
      body: JSON.stringify({ query }),
    });

  it('is in the error of a subscription that could not begin', async () => {
    const { traceId, traceparent } = aTrace();
    await rowsOf(server, 'alter table event_stream rename to away');
    const response = await subscribing(
      'subscription { events(after: "EARLIEST") { __typename } }',
      traceparent,
    );
    const text = await response.text();
    await rowsOf(server, 'alter table away rename to event_stream');
    expect(text).toContain(`"traceId":"${traceId}"`);
    expect(linesOf(traceId)).toEqual(['a GraphQL operation failed']);
  });

  it('is in the errors of its answers, however long it has been going on', async () => {
    const { traceId, traceparent } = aTrace();
    await rowsOf(server, 'alter table enrollment_seen rename to away');
    const response = await subscribing(
      `subscription { enrollmentChanged(after: "EARLIEST") {
         ... on EnrollmentAuthenticatedEvent { enrollment { lastSeenAt } } } }`,
      traceparent,
    );
    const text = await seen(response, traceId);
    await rowsOf(server, 'alter table away rename to enrollment_seen');
    expect(text).toContain('"code":"INTERNAL_SERVER_ERROR"');
    expect(linesOf(traceId)).toContain('a GraphQL operation failed');
  });
});

/** Reads a stream of events until a text has come, then leaves it. */
async function seen(response: Response, text: string): Promise<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let read = '';
  while (reader && !read.includes(text)) {
    const { value, done } = await reader.read();
    if (done) break;
    read += value;
  }
  await reader?.cancel();
  return read;
}
