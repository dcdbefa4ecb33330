import {
  createSourceEventStream,
  type ExecutionArgs,
  type ExecutionResult,
  GraphQLError,
} from 'graphql';
import { isPatient, over } from '../model/patient-iterator.ts';
import type { Answer } from './shared-answers.ts';

/** What a subscription answers, as the transports take it. */
export type Answers = AsyncIterableIterator<ExecutionResult>;

/**
 * Carries out a subscription (GraphQL, October 2021, §6.2.3): its source, and the selection on each of what the
 * source yields. By one iterator, as a thousand subscriptions wait in it.
 *
 * @param ended  called once: when the source has ended, by whichever side, or when there is none
 * @returns the answers; or, where there is no source, why
 */
export async function subscribe(
  args: ExecutionArgs,
  answer: Answer,
  ended: () => void,
): Promise<Answers | ExecutionResult> {
  let hasEnded = false;
  const end = () => {
    if (hasEnded) return;
    hasEnded = true;
    ended();
  };
  try {
    const source = await createSourceEventStream(args);
    if (isStream(source)) return answersOf(source[Symbol.asyncIterator](), answer, end);
    end();
    return source;
  } catch (error) {
    end();
    // Thrown out of here it would close the whole WebSocket.
    const cause = error instanceof Error ? error : new Error(String(error));
    const told = new GraphQLError('It could not be subscribed to.', { originalError: cause });
    return { errors: [cause instanceof GraphQLError ? cause : told] };
  }
}

function isStream(source: object): source is AsyncIterable<unknown> {
  return Symbol.asyncIterator in source;
}

function answersOf(source: AsyncIterator<unknown>, answer: Answer, end: () => void): Answers {
  async function answerTo(
    take: () => IteratorResult<unknown>,
  ): Promise<IteratorResult<ExecutionResult>> {
    try {
      const item = take();
      if (item.done !== true) return { value: await answer(item.value), done: false };
    } catch (error) {
      return fail(error);
    }
    end();
    return over;
  }

  /** What goes wrong with one answer is one of its errors: this ends all. */
  async function fail(error: unknown): Promise<never> {
    end();
    await source.return?.();
    throw error;
  }

  function nextOf(): Answers['next'] {
    if (!isPatient(source)) return () => source.next().then((item) => answerTo(() => item), fail);
    const answerTaken = () => answerTo(source.take);
    return () => source.ready().then(answerTaken, fail);
  }

  const answers: Answers = {
    next: nextOf(),
    async return() {
      end();
      await source.return?.();
      return over;
    },
    [Symbol.asyncIterator]: () => answers,
  };
  return answers;
}
