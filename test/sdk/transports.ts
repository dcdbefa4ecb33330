import { WebSocket } from 'ws';
import { type Client, type ClientOptions, createClient } from '../../clients/sdk/client.ts';

/** Both ways that subscriptions travel, for `describe.each`. */
export const transports = [['websocket'], ['sse']] as const;

export type TransportName = (typeof transports)[number][0];

/** A client as an integrator makes it, but for waits that suit a test. */
export function clientOf(
  url: string,
  token: ClientOptions['token'],
  transport: TransportName,
  more: Partial<ClientOptions> = {},
): Client {
  return createClient({
    url,
    token,
    transport,
    ...(transport === 'websocket' && { webSocketImpl: WebSocket }),
    retry: { minDelay: 1, maxDelay: 20 },
    ...more,
  });
}
