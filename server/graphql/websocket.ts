import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  type ExecutionArgs,
  getOperationAST,
  GraphQLError,
  type GraphQLFormattedError,
} from 'graphql';
import type { OperationResult, Context as SocketContext, SubscribePayload } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Access } from '../access/access.ts';
import { Unauthenticated } from '../access/unauthenticated.ts';
import { unavailable } from '../access/unavailable.ts';
import type { Clock } from '../model/clock.ts';
import { newTraceId, withTraceId } from '../model/trace.ts';
import type { Viewer } from '../model/viewer.ts';
import { isBehind, waitUntilTaken } from './backlog.ts';
import type { Lease, OpenOperations } from './open-operations.ts';
import type { Operation } from './operation.ts';
import type { GraphqlSettings } from './settings.ts';
import { type Pipeline, endpoint } from './yoga.ts';

/** Codes of the graphql-transport-ws protocol, and ours where it has none. */
const closeCodes = { unauthorized: 4401, tooSlow: 4413, tryLater: 1013 };

const tooSlow = 'Too slow: come back with the last cursor.';

/** How long clients get to answer that a socket closes, in milliseconds. */
const farewell = 2_000;

/** Operations on one socket at once. */
const operationsAtMost = 200;

/** What graphql-ws hands to its hooks. */
interface Extra extends Record<PropertyKey, unknown> {
  readonly socket: WebSocket;
  readonly request: IncomingMessage;
}

type Connection = SocketContext<Record<string, unknown>, Extra>;

interface Caller extends Lease {
  readonly viewer: Viewer;
}

type Run = (args: ExecutionArgs) => OperationResult;

export interface WebSocketSide {
  /** Serves WebSockets of this HTTP server at the graph's address. */
  attach(server: Server): void;
  /** Closes all sockets with 1001 (going away): clients come back with their cursors. */
  stop(): Promise<void>;
}

/** Answers operations over WebSocket, by the protocol graphql-transport-ws. */
export function createWebSocketSide<Context extends object>(parts: {
  readonly pipeline: Pipeline<Context>;
  readonly access: Pick<Access, 'viewerOf'>;
  readonly operations: OpenOperations;
  readonly settings: GraphqlSettings;
  readonly clock: Clock;
}): WebSocketSide {
  const { pipeline, access, operations, settings, clock } = parts;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: settings.bodyLimit });
  const callers = new WeakMap<WebSocket, Caller>();
  const runs = new WeakMap<ExecutionArgs, { execute: Run; subscribe: Run; traceId: string }>();

  async function connect({ connectionParams, extra }: Connection): Promise<boolean> {
    const { socket, request } = extra;
    try {
      const viewer = await access.viewerOf(authorizationIn(connectionParams, request));
      const lease = operations.open(viewer);
      callers.set(socket, { viewer, ...lease });
      socket.once('close', lease.release);
      // It may have closed while its token was looked up.
      if (socket.readyState === socket.CLOSED) lease.release();
      lease.ended.addEventListener('abort', () => {
        if (!(lease.ended.reason instanceof Unauthenticated)) return;
        socket.close(closeCodes.unauthorized, lease.ended.reason.message);
      });
      return true;
    } catch (error) {
      const { message, extensions } = pipeline.mask(error);
      if (extensions['code'] === unavailable) {
        socket.close(closeCodes.tryLater, 'The token cannot be checked now.');
        return false;
      }
      if (!(error instanceof Unauthenticated)) throw new Error(message, { cause: error });
      socket.close(closeCodes.unauthorized, message);
      return false;
    }
  }

  /** An error thrown out of here would close the socket with all that runs on it. */
  async function prepare(
    { extra, subscriptions }: Connection,
    payload: SubscribePayload,
  ): Promise<ExecutionArgs | readonly GraphQLError[]> {
    const caller = callers.get(extra.socket);
    const traceId = newTraceId();
    try {
      if (!caller) throw new Unauthenticated('This connection has no token.');
      if (Object.keys(subscriptions).length > operationsAtMost) throw tooMany();
      const { viewer, ended } = caller;
      return await withTraceId(traceId, () => plan({ viewer, traceId, ended }, payload));
    } catch (error) {
      return [pipeline.mask(error)];
    }
  }

  async function plan(operation: Operation, payload: SubscribePayload) {
    const enveloped = pipeline.yoga.getEnveloped({ operation, params: payload });
    const document = enveloped.parse(payload.query);
    const errors = enveloped.validate(enveloped.schema, document);
    if (errors.length > 0) return errors.map((error: unknown) => pipeline.mask(error));
    if (!getOperationAST(document, payload.operationName)) throw unresolved();
    const args: ExecutionArgs = {
      schema: enveloped.schema,
      document,
      operationName: payload.operationName,
      variableValues: payload.variables,
      contextValue: await enveloped.contextFactory(),
    };
    const { execute, subscribe } = enveloped;
    runs.set(args, { execute, subscribe, traceId: operation.traceId });
    return args;
  }

  function run(kind: 'execute' | 'subscribe') {
    return (args: ExecutionArgs) => {
      const prepared = runs.get(args);
      if (!prepared) throw new Error('an operation that was not prepared');
      return withTraceId(prepared.traceId, () => prepared[kind](args));
    };
  }

  async function honourBacklog({ extra }: Connection): Promise<void> {
    if (await waitUntilTaken(extra.socket, clock)) return;
    extra.socket.close(closeCodes.tooSlow, tooSlow);
  }

  async function beforeSending(
    connection: Connection,
    result: { readonly errors?: readonly GraphQLError[] | undefined },
  ) {
    await honourBacklog(connection);
    const { errors } = result;
    return errors ? { ...result, errors: errors.map(withoutStatus) } : undefined;
  }

  /** Who does not read is not read either: each of his messages may want an answer. */
  async function holdBack(socket: WebSocket): Promise<void> {
    if (!isBehind(socket) || socket.isPaused) return;
    socket.pause();
    const taken = await waitUntilTaken(socket, clock);
    if (!taken) socket.close(closeCodes.tooSlow, tooSlow);
    socket.resume();
  }
  sockets.on('connection', (socket: WebSocket) => {
    socket.on('message', () => void holdBack(socket));
  });

  const served = useServer<Record<string, unknown>, Extra>(
    {
      onConnect: connect,
      onSubscribe: (connection, _id, payload) => prepare(connection, payload),
      execute: run('execute'),
      subscribe: run('subscribe'),
      onNext: (connection, _id, _payload, _args, result) => beforeSending(connection, result),
      onError: (_connection, _id, _payload, errors) => errors.map(withoutStatus),
    },
    sockets,
  );

  return {
    attach(server) {
      server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        if (pathOf(request) !== endpoint) {
          // Node has taken its own listener away: a client that is gone already would end the process.
          socket.on('error', () => {});
          socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
          return;
        }
        sockets.handleUpgrade(request, socket, head, (webSocket) =>
          sockets.emit('connection', webSocket, request),
        );
      });
    },
    async stop() {
      // Who does not answer the close would hold the shutdown up.
      const cancel = clock.setTimer(farewell, () => {
        for (const client of sockets.clients) client.terminate();
      });
      await served.dispose();
      cancel();
    },
  };
}

function unresolved(): GraphQLError {
  return new GraphQLError('Could not determine what operation to execute.', {
    extensions: { code: 'OPERATION_RESOLUTION_FAILURE' },
  });
}

/** What an error says of the HTTP status is for the other transport. */
function withoutStatus(error: GraphQLError): GraphQLFormattedError {
  const { extensions, ...rest } = error.toJSON();
  if (!extensions) return rest;
  const { http: _http, ...shown } = extensions;
  return { ...rest, extensions: shown };
}

/** Anybody may send any target, so nothing here may throw. */
function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '';
}

function authorizationIn(
  params: Readonly<Record<string, unknown>> | undefined,
  request: IncomingMessage,
): string | undefined {
  const given = params?.['authorization'] ?? params?.['Authorization'];
  if (typeof given === 'string') return given;
  const token = params?.['token'];
  return typeof token === 'string' ? `Bearer ${token}` : request.headers.authorization;
}

function tooMany(): GraphQLError {
  return new GraphQLError(`At most ${operationsAtMost} operations on one connection at once.`, {
    extensions: { code: 'TOO_MANY_OPERATIONS' },
  });
}
