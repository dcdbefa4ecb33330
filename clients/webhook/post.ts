import { createHmac } from 'node:crypto';

/** Where webhooks go. */
export interface Receiver {
  readonly url: URL;
  /** Signs each body (`X-Hmac-Signature`); a secret. */
  readonly hmacKey: string | null;
  /** Milliseconds that the receiver may take. */
  readonly timeout: number;
}

/** What became of one try. */
export type Outcome =
  | { readonly kind: 'taken' }
  /** `again`: the receiver is away. `refused`: it answered, and does not take this one. */
  | { readonly kind: 'again' | 'refused'; readonly why: string };

/** What a receiver, or the proxy before it, answers while it can take nothing. */
const away: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504]);

/** Posts a webhook once. Never throws. */
export async function post({ url, hmacKey, timeout }: Receiver, body: string): Promise<Outcome> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json; charset=utf-8',
        ...(hmacKey !== null && {
          'X-Hmac-Signature': createHmac('sha256', hmacKey).update(body).digest('base64'),
        }),
      },
      body,
      // Followed, most redirects become a GET without the body, which is then taken for delivered.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeout),
    });
    await response.body?.cancel();
    if (response.ok) return { kind: 'taken' };
    const { status } = response;
    const to = response.headers.get('Location');
    const why = `${status} ${response.statusText}`.trim() + (to === null ? '' : ` to ${to}`);
    return { kind: away.has(status) ? 'again' : 'refused', why };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { kind: 'again', why: cause instanceof Error ? cause.message : String(cause) };
  }
}
