// What the package exports as `@graphmdm/sdk/urql`.

import { type Exchange, subscriptionExchange } from '@urql/core';
import type { TypedDocument } from './document.ts';
import type { Live } from './live/live.ts';

/**
 * Carries urql's subscriptions so that they resume: an app gets each event once and in order, through
 * any number of connections. Its documents must take `$after: String` and select `cursor` everywhere.
 */
export function liveExchange(live: Pick<Live, 'stream'>): Exchange {
  return subscriptionExchange({
    forwardSubscription: ({ query, variables }) => ({
      subscribe(sink) {
        const ended = new AbortController();
        void (async () => {
          try {
            const text: TypedDocument<Record<string, unknown>, object> = query ?? '';
            const items = live.stream(text, variables ?? {}, { signal: ended.signal });
            for await (const data of items) sink.next({ data });
            if (!ended.signal.aborted) sink.complete();
          } catch (error) {
            sink.error(error);
          }
        })();
        return { unsubscribe: () => ended.abort() };
      },
    }),
  });
}
