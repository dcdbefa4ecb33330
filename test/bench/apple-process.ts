import { writeFileSync } from 'node:fs';
import { makePushCertificate } from '../../clients/simulator/apns/push-certificates.ts';
import { everyNth } from '../../clients/simulator/apns/script.ts';
import { startStandIn } from '../../clients/simulator/apns/stand-in.ts';
import { defaultTopic } from '../../clients/simulator/facts.ts';

// The stand-in of Apple's service in a process of its own, so that what it costs is not the server's.
// Its parent says how it behaves and asks how often each token was pushed to.

/** What the parent says. */
export type AppleOrder =
  | { readonly do: 'behave'; readonly busyEvery: number | null; readonly goawayMs: number | null }
  | { readonly do: 'forget' }
  | { readonly do: 'count' };

/** What it says itself. */
export type AppleWord =
  | { readonly say: 'ready'; readonly url: string; readonly certificate: string }
  | {
      readonly say: 'counted';
      readonly accepted: number;
      readonly tokens: number;
      readonly connections: number;
    };

const [caFile = ''] = process.argv.slice(2);
const counts = new Map<string, number>();
let accepted = 0;
const apple = await startStandIn({
  heard({ token }) {
    accepted += 1;
    counts.set(token, (counts.get(token) ?? 0) + 1);
  },
});
writeFileSync(caFile, apple.ca);
const { certificate, key } = await makePushCertificate(apple.authority, defaultTopic, {
  key: 'rsa',
});
let goaways: NodeJS.Timeout | undefined;

function say(word: AppleWord): void {
  process.send?.(word);
}

process.on('message', (order: AppleOrder) => {
  if (order.do === 'count') {
    const { size: tokens } = counts;
    say({ say: 'counted', accepted, tokens, connections: apple.connections() });
    return;
  }
  if (order.do === 'forget') {
    counts.clear();
    accepted = 0;
    return;
  }
  apple.rules.length = 0;
  if (order.busyEvery !== null) {
    apple.rules.push(everyNth(order.busyEvery, { do: 'refuse', reason: 'ServiceUnavailable' }));
  }
  clearInterval(goaways);
  if (order.goawayMs !== null) goaways = setInterval(apple.goawayAll, order.goawayMs);
});
process.once('disconnect', () => process.exit());
say({ say: 'ready', url: apple.url.href, certificate: certificate + key });
