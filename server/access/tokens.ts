import { randomUUID } from 'node:crypto';
import type { Clock } from '../model/clock.ts';
import type { TenantId, Viewer } from '../model/viewer.ts';
import { hashToken, newToken } from '../secrets/token.ts';
import type { StoredToken } from '../store/tokens.ts';
import { Unauthenticated } from './unauthenticated.ts';
import { viewerOfToken } from './viewer-of-token.ts';

/** How long a token that was looked up is believed: revoking one works within 5 seconds. */
const believedFor = 4_000;

/** Only good tokens are remembered, so this is a bound against mistakes, not against callers. */
const rememberedAtMost = 10_000;

/** Longer than any token, shorter than what would cost something to hash. */
const longestToken = 512;

interface Remembered {
  readonly token: Promise<StoredToken | null>;
  readonly until: number;
}

/** Says who calls. */
export interface TokenReader {
  /** @throws {Unauthenticated} no token, or none that is good */
  viewerOf(authorization: string | null | undefined): Promise<Viewer>;
  /** Looks every token up again, because one of them has ended. */
  forget(): void;
}

/**
 * Makes the reader of bearer tokens.
 * @param find  looks a token up by its hash
 * @param used  is told of every use; must cost nothing
 */
export function createTokenReader(parts: {
  readonly clock: Clock;
  readonly find: (sha256: Buffer) => Promise<StoredToken | null>;
  readonly used: (tokenId: string) => void;
}): TokenReader {
  const { clock, find, used } = parts;
  const remembered = new Map<string, Remembered>();

  function lookUp(text: string): Promise<StoredToken | null> {
    // The hash is what is compared, so that the time which that takes tells nothing of the token.
    const sha256 = hashToken(text);
    const name = sha256.toString('base64');
    const now = clock.now().getTime();
    const before = remembered.get(name);
    if (before && before.until > now) return before.token;
    const token = find(sha256);
    if (remembered.size >= rememberedAtMost) remembered.clear();
    remembered.set(name, { token, until: now + believedFor });
    const forget = () => {
      if (remembered.get(name)?.token === token) remembered.delete(name);
    };
    token.then((found) => found ?? forget(), forget);
    return token;
  }

  return {
    async viewerOf(authorization) {
      const text = bearer(authorization);
      if (text === null || text.length > longestToken) {
        throw new Unauthenticated('Send an API token: `Authorization: Bearer <token>`.');
      }
      const token = await lookUp(text);
      const isOver = token?.expiresAt && token.expiresAt <= clock.now();
      if (token === null || isOver) {
        throw new Unauthenticated('The API token is unknown, revoked or expired.');
      }
      used(token.id);
      return viewerOfToken(token);
    },
    forget: () => remembered.clear(),
  };
}

/** Takes the token out of an Authorization header (RFC 6750, §2.1). */
export function bearer(authorization: string | null | undefined): string | null {
  const [, token] = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization ?? '') ?? [];
  return token ?? null;
}

/** A token as it is asked for. */
export interface NewToken {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly tenant: TenantId | null;
  readonly expiresAt: Date | null;
}

/**
 * Makes an API token.
 * @param insert  keeps it
 * @returns its id, and the token itself: this is the only time that it is told
 */
export async function createToken(
  insert: (token: StoredToken & { readonly sha256: Buffer }) => Promise<void>,
  { name, scopes, tenant, expiresAt }: NewToken,
): Promise<{ readonly id: string; readonly token: string }> {
  const id = randomUUID();
  const token = newToken();
  await insert({ id, tenantId: tenant, name, scopes, expiresAt, sha256: hashToken(token) });
  return { id, token };
}
