import type { Server } from 'node:http';
import type { GraphQLSchema } from 'graphql';
import type { Access } from '../access/access.ts';
import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import type { Metrics } from '../model/metrics.ts';
import { type HttpHandler, createHttpHandler } from './http.ts';
import { createOpenOperations } from './open-operations.ts';
import type { ContextOf } from './operation.ts';
import type { GraphqlSettings } from './settings.ts';
import { createWebSocketSide } from './websocket.ts';
import { createPipeline } from './yoga.ts';

/** The graph on its two transports. */
export interface Graphql {
  /** Answers a request for the graph's address. */
  readonly handle: HttpHandler;
  /** Serves WebSockets of this server, at the same address. */
  attach(server: Server): void;
  /** Says goodbye to subscribers: SSE completes, WebSockets close with 1001. */
  stop(): Promise<void>;
}

/** Puts the graph on HTTP, server-sent events and WebSocket, with the same limits and masking. */
export function createGraphql<Context extends object>(parts: {
  readonly schema: GraphQLSchema;
  /** Makes what resolvers get. */
  readonly contextOf: ContextOf<Context>;
  readonly access: Pick<Access, 'viewerOf' | 'watch'>;
  readonly settings: GraphqlSettings;
  /** Whether an error says that the database is away. */
  readonly isUnavailable: (error: unknown) => boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}): Graphql {
  const { access, settings, clock, metrics } = parts;
  const log = parts.log.child({ room: 'graphql' });
  const pipeline = createPipeline({ ...parts, log });
  const operations = createOpenOperations(access);
  metrics.gauge(
    'graphmdm_graphql_open',
    'Requests and WebSockets that are open.',
    operations.count,
  );
  const webSocket = createWebSocketSide({ pipeline, access, operations, settings, clock });
  return {
    handle: createHttpHandler({ pipeline, access, operations, settings }),
    attach: webSocket.attach,
    async stop() {
      // First the sockets: a subscription on one that completes would not come back by itself.
      await webSocket.stop();
      operations.stop();
    },
  };
}
