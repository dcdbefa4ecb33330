import { errors, type JWTPayload, jwtVerify } from 'jose';
import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import { defaultTenant, isScope, type TenantId, type Viewer } from '../model/viewer.ts';
import { createJwks } from './jwks.ts';
import { Unauthenticated } from './unauthenticated.ts';

/** Whose tokens are taken beside our own. */
export interface OidcSettings {
  /** As `iss` names it, letter by letter. */
  readonly issuer: string;
  /** What `aud` must name. */
  readonly audience: string;
  readonly jwksUrl: URL;
}

/** Signatures that only the issuer can make: none with a shared secret, and never "none". */
const algorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA'],
];

/** What clocks may differ by, in seconds. */
const clockTolerance = 30;

/** Longer than issuers' tokens are. */
const longestToken = 12_000;

/** Claims that name scopes, as words in a text or as a list. */
const scopeClaims = ['scope', 'scp', 'permissions'] as const;

/** Names the tenant: its natural id, or `*` for all. Without it: the default one. */
const tenantClaim = 'graphmdm_tenant';

/** Whether a bearer token has the form of a signed JWT. Ours have no dots; an operator's own may. */
export function isJwt(token: string): boolean {
  const [, header] = /^([\w-]+)\.[\w-]+\.[\w-]+$/.exec(token) ?? [];
  if (header === undefined || token.length > longestToken) return false;
  try {
    const read: unknown = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
    return typeof read === 'object' && read !== null && 'alg' in read;
  } catch {
    return false;
  }
}

/**
 * Makes the reader of an issuer's tokens.
 * @throws {Unauthenticated} (from the function made) the token is not good
 * @throws {AccessUnavailable} (from the function made) it cannot be checked now
 */
export function createOidcReader(
  { issuer, audience, jwksUrl }: OidcSettings,
  parts: { readonly clock: Clock; readonly log: Log },
): (token: string) => Promise<Viewer> {
  const keys = createJwks(jwksUrl, parts);

  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms,
        clockTolerance,
        currentDate: parts.clock.now(),
        requiredClaims: ['exp', 'sub'],
      });
      return viewerOf(payload);
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error;
      throw new Unauthenticated(`The issuer's token is not good: ${error.message}.`);
    }
  };
}

function viewerOf(payload: JWTPayload): Viewer {
  const { sub = '', exp = 0 } = payload;
  if (!/^[^\p{Cc}\p{Cs}]{1,200}$/u.test(sub)) {
    throw new Unauthenticated(
      'The `sub` of the token has 1 to 200 characters, none of them control.',
    );
  }
  return {
    actor: `oidc:${sub}`,
    tokenId: null,
    tenant: tenantOf(payload[tenantClaim]),
    scopes: new Set(scopeClaims.flatMap((claim) => wordsOf(payload[claim])).filter(isScope)),
    expiresAt: new Date((exp + clockTolerance) * 1_000),
  };
}

function wordsOf(claim: unknown): readonly string[] {
  if (typeof claim === 'string') return claim.split(' ');
  return Array.isArray(claim) ? claim.filter((one) => typeof one === 'string') : [];
}

function tenantOf(claim: unknown): TenantId | null {
  if (claim === undefined) return defaultTenant;
  if (claim === '*') return null;
  const text = typeof claim === 'number' ? String(claim) : claim;
  if (typeof text === 'string' && /^\d{1,9}$/.test(text)) return Number(text);
  throw new Unauthenticated(
    `\`${tenantClaim}\` of the token is no tenant's id, nor \`*\` for all.`,
  );
}
