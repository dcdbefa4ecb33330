import type { ReceivedPush } from './checks.ts';
import type { Reason } from './reasons.ts';

/** What the stand-in does with a push, beyond accepting it. */
export type Move =
  | { readonly do: 'accept'; readonly after?: Promise<unknown> }
  | {
      readonly do: 'refuse';
      readonly reason: Reason | (string & {});
      /** @default the documented one */
      readonly status?: number;
      /** With a 410: since when the token is not active. */
      readonly timestamp?: Date;
      /** Value of a `Retry-After` header. */
      readonly retryAfter?: string;
      /** Instead of the JSON that Apple would send. */
      readonly body?: string;
      readonly after?: Promise<unknown>;
    }
  /** REFUSED_STREAM: not looked at. */
  | { readonly do: 'refuse-stream' }
  /** Says that it takes no more: this push is still accepted, or is left unlooked at with all after it. */
  | {
      readonly do: 'goaway';
      readonly last: 'this' | 'before';
      readonly reason?: Reason;
      readonly code?: number;
    }
  /** Cuts the connection, having woken the device or not. */
  | { readonly do: 'drop'; readonly heard: boolean }
  /** Takes it and never answers. */
  | { readonly do: 'nothing' };

/**
 * Decides about a push that passed the checks; undefined leaves it to the next rule, and to acceptance.
 * @param number  counts all pushes from 1
 */
export type Rule = (push: ReceivedPush, number: number) => Move | undefined;

/** A rule for one token. @param token  lower-case hexadecimal */
export function forToken(token: string, move: Move): Rule {
  return (push) => (push.token === token ? move : undefined);
}

/** A rule for every n-th push. */
export function everyNth(n: number, move: Move): Rule {
  return (_push, number) => (number % n === 0 ? move : undefined);
}
