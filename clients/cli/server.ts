import { graphUrl } from '../sdk/url.ts';
import { readConfig } from './config-file.ts';
import { exit } from './exit.ts';
import { Failure, usage } from './failure.ts';
import type { Io } from './io.ts';

/** A server, and what to show it. */
export interface Server {
  readonly url: string;
  readonly token: string;
}

/**
 * Finds out where to go: what the command line says goes before the environment, and that before what
 * `login` kept. The kept token is for the kept server, and is sent to no other.
 * @throws {Failure}
 */
export function serverOf(flag: string | undefined, env: Io['env']): Server {
  const named = flag ?? (env['GRAPHMDM_URL'] || undefined);
  const given = env['GRAPHMDM_TOKEN'] || undefined;
  // Read only where it is needed, so that a bad file is no trouble to who does not use it.
  const kept = named === undefined || given === undefined ? readConfig(env) : null;
  const url = checkedUrl(named ?? kept?.url);
  if (given !== undefined) return { url, token: given };
  if (kept !== null && graphUrl(kept.url) === graphUrl(url)) return { url, token: kept.token };
  throw new Failure('NO_TOKEN', `There is no token for ${url}.`, {
    advice: `Log in with \`graphmdm login --url ${url}\`, or set GRAPHMDM_TOKEN.`,
    status: exit.unauthorised,
  });
}

/** @throws {Failure} not an http address, or none at all */
export function checkedUrl(url: string | undefined): string {
  if (url === undefined) {
    throw usage(
      'No server is named.',
      'Log in with `graphmdm login --url https://mdm.example.com`, or set GRAPHMDM_URL.',
    );
  }
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw usage(
      'The server is not an http(s) address.',
      'Give one such as https://mdm.example.com.',
    );
  }
  if (parsed.username || parsed.password)
    throw usage("The server's address has a user or password in it.");
  return url;
}
