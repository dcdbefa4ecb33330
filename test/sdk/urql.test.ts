import { Client, type OperationResult } from '@urql/core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { liveExchange } from '../../clients/sdk/urql.ts';
import { revokeToken } from '../../server/store/tokens.ts';
import type { UrqlEventsSubscription } from '../../generated/gql/graphql.ts';
import { graphql } from '../../generated/gql/gql.ts';
import { type GraphServer, startGraph } from '../graph/graph-server.ts';
import { anEnrollment, anEvent } from '../graph/rows.ts';
import { startCuttingProxy } from './cutting-proxy.ts';
import { clientOf, transports } from './transports.ts';

let server: GraphServer;
let key: string;

beforeAll(async () => {
  server = await startGraph();
  key = await anEnrollment(server.pool, { id: 'URQL' });
});

afterAll(() => server.stop());

const events = graphql(`
  subscription UrqlEvents($after: String) {
    events(after: $after) {
      __typename
      ... on Checkpoint {
        cursor
      }
      ... on Event {
        cursor
        traceId
      }
    }
  }
`);

describe.each(transports)('an urql app over %s', (name) => {
  it('gets each event once through cut connections, and is told when its token ends', async () => {
    const { id, token } = await server.token();
    const { port } = new URL(server.url);
    let connections = 0;
    const proxy = await startCuttingProxy(Number(port), () => (connections++ < 10 ? 900 : null));
    onTestFinished(proxy.close);
    const mdm = clientOf(proxy.url, token, name);
    onTestFinished(() => mdm.close());
    const app = new Client({
      url: server.url,
      preferGetMethod: false,
      exchanges: [liveExchange(mdm.live)],
    });

    const after = await clientOf(server.url, token, name).eventCursor();
    const numbers = Array.from({ length: 60 }, (_, index) => `${name}-${index}`);
    for (const trace of numbers) {
      await server.pool.query(
        `insert into event (type, tenant_id, trace_id, enrollment_key, data)
         values ('EnrollmentTokenUpdated', 1, $1, $2, '{}')`,
        [trace, key],
      );
    }
    server.events.committed();

    const seen: (string | null)[] = [];
    let ended: (result: OperationResult) => void = () => {};
    const end = new Promise<OperationResult>((resolve) => {
      ended = resolve;
    });
    let all = () => {};
    const allSeen = new Promise<void>((resolve) => {
      all = resolve;
    });
    const { unsubscribe } = app
      .subscription<UrqlEventsSubscription>(events.toString(), { after })
      .subscribe((result) => {
        if (result.error) return ended(result);
        const item = result.data?.events;
        if (item && item.__typename !== 'Checkpoint') seen.push(item.traceId);
        if (seen.length === numbers.length) all();
      });
    onTestFinished(unsubscribe);
    await allSeen;
    expect(seen).toEqual(numbers);
    expect(proxy.cuts()).toBe(10);

    await revokeToken(server.pool, id);
    await anEvent(server, { type: 'EnrollmentTokenUpdated', enrollmentKey: key });
    expect((await end).error?.networkError?.name).toBe('UnauthorizedError');
  });
});
