import { createHash, timingSafeEqual } from 'node:crypto';
import type { Handler } from './app.ts';
import { plainError } from './plain-error.ts';

/** The user of NanoMDM's API, which its tools name. */
const user = 'nanomdm';

/**
 * Lets only those through to `handler` who show `nanomdm` and the key by HTTP Basic (RFC 7617); others
 * get 401. Never for what devices call: a 401 un-enrols them.
 */
export function behindBasicAuth(key: string, handler: Handler): Handler {
  const expected = digest(`${user}:${key}`);
  return (ctx) => {
    const [, credentials] = /^basic +([A-Za-z0-9+/]+=*) *$/i.exec(ctx.get('Authorization')) ?? [];
    if (credentials !== undefined) {
      const shown = digest(Buffer.from(credentials, 'base64').toString('utf8'));
      // Digests have one length, and comparing them tells nothing of where they differ.
      if (timingSafeEqual(shown, expected)) return handler(ctx);
    }
    plainError(ctx, 401);
    ctx.set('WWW-Authenticate', `Basic realm="${user}"`);
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
