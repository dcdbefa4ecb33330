import type { Plugin } from 'graphql-yoga';
import { forgetChecks } from '../../schema/builder.ts';
import { isSharedItem } from '../../schema/live-stream.ts';
import { hasShownSecrets } from '../../schema/secret-read.ts';
import type { Counter } from '../model/metrics.ts';
import { noteTrace } from './error-traces.ts';
import { limits, refusal } from './limits.ts';
import type { Operation } from './operation.ts';
import { createSharedAnswers } from './shared-answers.ts';
import { subscribe } from './subscribe.ts';

/**
 * Carries out subscriptions, and refuses a token more open ones than the limit, over both transports together.
 * Each process counts its own.
 */
export function openSubscriptionsPlugin(refused: Counter): Plugin<{ operation: Operation }> {
  const open = new Map<string, number>();
  const answersOf = createSharedAnswers({
    isShared: isSharedItem,
    isPersonal: hasShownSecrets,
    forget: forgetChecks,
  });

  function enter(who: string): (() => void) | null {
    const count = open.get(who) ?? 0;
    if (count >= limits.subscriptions) return null;
    open.set(who, count + 1);
    return () => {
      const left = (open.get(who) ?? 1) - 1;
      if (left > 0) open.set(who, left);
      else open.delete(who);
    };
  }

  return {
    onSubscribe({ args, setSubscribeFn, setResultAndStopExecution }) {
      const { viewer, traceId, subscribed } = args.contextValue.operation;
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
      const answer = answersOf(args, viewer, (errors) => {
        for (const error of errors) noteTrace(error, traceId);
      });
      setSubscribeFn(async (asked) => {
        const begun = await subscribe(asked, answer, leave);
        if (Symbol.asyncIterator in begun) subscribed?.();
        return begun;
      });
    },
  };
}
