import { TransportError, UnauthorizedError } from './errors.ts';

/** An API token, or how to get one: asked for each request and each connection. */
export type Token = string | (() => string | Promise<string>);

/** The token as transports use it. */
export interface Credentials {
  /** The Authorization header. @throws {TransportError} the caller's function failed */
  header(): Promise<string>;
  /** Makes the exception for a header that was refused. */
  refused(header: string, message: string): UnauthorizedError;
  /** Whether there is another token by now than the one that was refused. */
  renewed(error: unknown): Promise<boolean>;
}

export function createCredentials(token: Token): Credentials {
  /** Beside the exceptions, so that no log of one shows a token. */
  const refused = new WeakMap<Error, string>();
  const header = async () => {
    if (typeof token === 'string') return `Bearer ${token}`;
    try {
      return `Bearer ${await token()}`;
    } catch (cause) {
      throw new TransportError('There is no token for the moment.', { cause });
    }
  };
  return {
    header,
    refused(given, message) {
      const error = new UnauthorizedError(message);
      refused.set(error, given);
      return error;
    },
    async renewed(error) {
      if (typeof token !== 'function' || !(error instanceof UnauthorizedError)) return false;
      const before = refused.get(error);
      // Where there is none for the moment, the next try tells.
      return before !== undefined && before !== (await header().catch(() => ''));
    },
  };
}
