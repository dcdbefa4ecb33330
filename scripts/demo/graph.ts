import { type Client, createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { z } from 'zod';

const answer = z.object({
  data: z.unknown().optional(),
  errors: z.array(z.object({ message: z.string() })).optional(),
});

/** The graph as an integrator reaches it. */
export interface Graph {
  ask<T>(query: string, variables: Record<string, unknown>, shape: z.ZodType<T>): Promise<T>;
  /** Yields what a subscription sends until the loop is left. */
  subscribe<T>(
    query: string,
    variables: Record<string, unknown>,
    shape: z.ZodType<T>,
  ): AsyncGenerator<T>;
  close(): void;
}

/** Talks to a server's graph over HTTP and, for subscriptions, a WebSocket. */
export function connectGraph(url: string, token: string): Graph {
  const authorization = `Bearer ${token}`;
  const endpoint = `${url}/graphql`;
  const live: Client = createClient({
    url: endpoint.replace(/^http/, 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
  });
  return {
    async ask(query, variables, shape) {
      const response = await fetch(endpoint, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Authorization: authorization },
        body: JSON.stringify({ query, variables }),
      });
      const { data, errors } = answer.parse(await response.json());
      if (errors) throw new Error(errors.map((error) => error.message).join('\n'));
      return shape.parse(data);
    },
    async *subscribe(query, variables, shape) {
      for await (const { data, errors } of live.iterate({ query, variables })) {
        if (errors) throw new Error(errors.map((error) => error.message).join('\n'));
        yield shape.parse(data);
      }
    },
    close: () => void live.dispose(),
  };
}
