import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GraphQLError } from 'graphql';
import type { Access } from '../access/access.ts';
import { Unauthenticated } from '../access/unauthenticated.ts';
import { unavailable } from '../access/unavailable.ts';
import { traceIdFrom, withTraceId } from '../model/trace.ts';
import { createGraphiql, wantsPage } from './graphiql.ts';
import type { OpenOperations } from './open-operations.ts';
import type { Operation } from './operation.ts';
import type { GraphqlSettings } from './settings.ts';
import { type Pipeline, endpoint } from './yoga.ts';

export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * Answers operations over HTTP: JSON, or server-sent events with `Accept: text/event-stream`. Nothing
 * of a body is read before its sender has shown a token.
 */
export function createHttpHandler<Context extends object>(parts: {
  readonly pipeline: Pipeline<Context>;
  readonly access: Pick<Access, 'viewerOf'>;
  readonly operations: OpenOperations;
  readonly settings: GraphqlSettings;
}): HttpHandler {
  const { pipeline, access, operations, settings } = parts;
  const graphiql = settings.graphiql ? createGraphiql(endpoint) : null;

  async function operate(
    request: IncomingMessage,
    response: ServerResponse,
    about: Pick<Operation, 'traceId' | 'subscribed'>,
  ) {
    try {
      const viewer = await access.viewerOf(request.headers.authorization);
      const { ended, release } = operations.open(viewer);
      response.once('close', release);
      // The caller may have gone while his token was looked up.
      if (response.closed) release();
      await pipeline.yoga.handle(request, response, { operation: { viewer, ended, ...about } });
    } catch (error) {
      if (response.headersSent) throw error;
      refuse(response, error, pipeline.mask);
    }
  }

  return async (request, response) => {
    if (graphiql && wantsPage(request)) return graphiql(request, response);
    // Media types are the same in any case (RFC 9110, 8.3.1), which yoga does not know.
    const { 'content-type': type } = request.headers;
    if (type)
      request.headers['content-type'] = type.replace(/^[^;]*/, (name) => name.trim().toLowerCase());
    const traceId = traceIdFrom(header(request.headers['traceparent']));
    let subscribed = (): void => {};
    const streaming = new Promise<void>((resolve) => {
      subscribed = resolve;
    });
    return withTraceId(
      traceId,
      () => operate(request, response, { traceId, subscribed }),
      streaming,
    );
  };
}

function refuse(
  response: ServerResponse,
  error: unknown,
  mask: (error: unknown) => GraphQLError,
): void {
  const isCaller = error instanceof Unauthenticated;
  const { message, extensions } = mask(error);
  const { http: _http, ...shown } = extensions;
  const body = JSON.stringify({ errors: [{ message, extensions: shown }] });
  const isLater = extensions['code'] === unavailable;
  response.writeHead(isCaller ? 401 : isLater ? 503 : 500, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    // The body was not read, so the connection cannot go on.
    Connection: 'close',
    ...(isCaller && { 'WWW-Authenticate': 'Bearer' }),
    ...(isLater && { 'Retry-After': '30' }),
  });
  response.end(body);
}

function header(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
