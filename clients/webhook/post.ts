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
  /** `again`: the receiver is away or at fault. `refused`: it does not want this one. */
  | { readonly kind: 'again' | 'refused'; readonly why: string };

/** Posts a webhook once. Never throws. */
export async function post(
  { url, hmacKey, timeout }: Receiver,
  body: string,
): Promise<Outcome> {
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
      signal: AbortSignal.timeout(timeout),
    });
    await response.body?.cancel();
    if (response.ok) return { kind: 'taken' };
    const why = `${response.status} ${response.statusText}`.trim();
    const { status } = response;
    const isRefusal = status >= 400 && status < 500 && status !== 408 && status !== 429;
    return { kind: isRefusal ? 'refused' : 'again', why };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { kind: 'again', why: cause instanceof Error ? cause.message : String(cause) };
  }
}
