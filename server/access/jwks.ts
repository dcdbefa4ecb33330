import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey, errors } from 'jose';
import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import { AccessUnavailable } from './unavailable.ts';

/** How long keys are believed before they are asked for again. */
const freshFor = 600_000;

/** How often they are asked for at most, whoever sends keys that nobody knows. */
const askEvery = 30_000;
const patience = 5_000;
const largestSet = 1024 * 1024;

/**
 * The keys of an issuer. Those that it once told go on while it cannot be reached; an unknown key makes it
 * be asked again, but not more often than every 30 seconds.
 * @throws {AccessUnavailable} (from the function made) the issuer was never reached
 */
export function createJwks(
  url: URL,
  parts: { readonly clock: Clock; readonly log: Log },
): JWTVerifyGetKey {
  const { clock, log } = parts;
  let known: { readonly keys: JWTVerifyGetKey; readonly at: number } | null = null;
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | null = null;

  async function ask(): Promise<void> {
    askedAt = clock.now().getTime();
    try {
      const keys = createLocalJWKSet(await fetchKeys(url));
      known = { keys, at: askedAt };
    } catch (error) {
      log.warn({ err: error, url: url.href }, "the OIDC issuer's keys could not be fetched");
    } finally {
      asking = null;
    }
  }

  async function refresh(): Promise<void> {
    if (asking === null && clock.now().getTime() - askedAt < askEvery) return;
    await (asking ??= ask());
  }

  function demandKnown(): JWTVerifyGetKey {
    if (known) return known.keys;
    throw new AccessUnavailable(
      'The keys of the OIDC issuer cannot be had now, so its tokens cannot be checked. Try again later.',
    );
  }

  return async (header, token) => {
    if (known === null || clock.now().getTime() - known.at > freshFor) await refresh();
    try {
      return await demandKnown()(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await refresh();
      return demandKnown()(header, token);
    }
  };
}

async function fetchKeys(url: URL): Promise<JSONWebKeySet> {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(patience),
    redirect: 'error',
    headers: { Accept: 'application/jwk-set+json, application/json' },
  });
  if (!response.ok) throw new Error(`it answered ${response.status}`);
  const text = await response.text();
  if (text.length > largestSet) throw new Error('its key set is too large');
  // What is no key set, the reader of it refuses.
  return JSON.parse(text);
}
