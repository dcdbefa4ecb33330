import {
  type EscrowStandIn,
  startEscrowStandIn,
} from '../../clients/simulator/apns/escrow-stand-in.ts';
import { type Apple, startApple } from '../push/apple.ts';
import { type PushServer, startPushServer } from '../push/push-server.ts';
import type { TestServerOptions } from '../harness/server.ts';

/** The key of test servers' NanoMDM-compatible API. */
export const apiKey = 'nanomdm:with:colons';

/** What NanoMDM's tools get. */
export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

export interface NanomdmServer extends PushServer {
  readonly apple: Apple;
  readonly escrow: EscrowStandIn;
  /** Calls the API as NanoMDM's tools do. */
  call(path: string, options?: CallOptions): Promise<ApiAnswer>;
}

export interface CallOptions {
  /** @default PUT */
  readonly method?: string;
  readonly body?: string | Uint8Array;
  /** @default the right ones */
  readonly authorization?: string | null;
}

/** `Authorization` of HTTP Basic. */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** The whole server with the API open and a push certificate of the usual topic. */
export async function startNanomdmServer(options: TestServerOptions = {}): Promise<NanomdmServer> {
  const apple = await startApple();
  const escrow = await startEscrowStandIn(apple.authority);
  const server = await startPushServer(apple, {
    ...options,
    flags: [
      ...['--nanomdm-api', '--nanomdm-api-key', apiKey, '--escrow-url', escrow.url.href],
      ...(options.flags ?? []),
    ],
  });
  await server.certify();
  return {
    ...server,
    apple,
    escrow,
    async call(path, { method = 'PUT', body, authorization = basic('nanomdm', apiKey) } = {}) {
      const response = await fetch(`${server.url}${path}`, {
        method,
        headers: authorization === null ? {} : { Authorization: authorization },
        ...(body !== undefined && { body: typeof body === 'string' ? body : Buffer.from(body) }),
      });
      return { status: response.status, text: await response.text(), headers: response.headers };
    },
    async stop() {
      await server.stop();
      await escrow.close();
      await apple.close();
    },
  };
}
