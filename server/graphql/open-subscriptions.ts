import type { ExecutionResult } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Counter } from '../model/metrics.ts';
import { limits, refusal } from './limits.ts';
import type { Operation } from './operation.ts';

/**
 * Refuses a token more open subscriptions than the limit, over both transports together. Each process
 * counts its own.
 */
export function openSubscriptionsPlugin(refused: Counter): Plugin<{ operation: Operation }> {
  const open = new Map<string, number>();

  function enter(who: string): (() => void) | null {
    const count = open.get(who) ?? 0;
    if (count >= limits.subscriptions) return null;
    open.set(who, count + 1);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      const left = (open.get(who) ?? 1) - 1;
      if (left > 0) open.set(who, left);
      else open.delete(who);
    };
  }

  return {
    onSubscribe({ args, subscribeFn, setSubscribeFn, setResultAndStopExecution }) {
      const { viewer } = args.contextValue.operation;
      const leave = enter(viewer.tokenId ?? viewer.actor);
      if (leave === null) {
        refused({ code: 'TOO_MANY_SUBSCRIPTIONS' });
        const error = refusal(
          'TOO_MANY_SUBSCRIPTIONS',
          `This token has ${limits.subscriptions} subscriptions open here already, as many as are taken.`,
          {},
          429,
        );
        setResultAndStopExecution({ errors: [error] });
        return;
      }
      setSubscribeFn(async (asked) => {
        try {
          const result = await subscribeFn(asked);
          if (isStream(result)) return counted(result, leave);
          leave();
          return result;
        } catch (error) {
          leave();
          throw error;
        }
      });
    },
  };
}

type Stream = AsyncIterableIterator<ExecutionResult>;

function isStream(result: object): result is Stream {
  return Symbol.asyncIterator in result;
}

/** The same stream, which tells when it has ended, by whichever side. */
function counted(stream: Stream, leave: () => void): Stream {
  const wrapped: Stream = {
    async next() {
      try {
        const item = await stream.next();
        if (item.done) leave();
        return item;
      } catch (error) {
        leave();
        throw error;
      }
    },
    async return(value?: unknown) {
      leave();
      return (await stream.return?.(value)) ?? { done: true, value: undefined };
    },
    async throw(error?: unknown) {
      leave();
      if (stream.throw) return stream.throw(error);
      throw error;
    },
    [Symbol.asyncIterator]: () => wrapped,
  };
  return wrapped;
}
