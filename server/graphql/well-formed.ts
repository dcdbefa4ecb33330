import type { Plugin } from 'graphql-yoga';
import { refusal } from './limits.ts';

/**
 * Refuses variables that nest deeper than any input does, before what walks them recursively runs out of
 * stack; and half a surrogate pair in a text of theirs. GraphQL's strings are made of Unicode scalar
 * values, which graphql-js demands of the operation's text, but not of variables; a database, and whoever
 * gets such a text again, would stumble over it.
 */
export const wellFormedPlugin: Plugin = {
  onExecute({ args, setResultAndStopExecution }) {
    const problem = problemIn(args.variableValues);
    if (problem !== null) setResultAndStopExecution(illFormed(problem));
  },
  onSubscribe({ args, setResultAndStopExecution }) {
    const problem = problemIn(args.variableValues);
    if (problem !== null) setResultAndStopExecution(illFormed(problem));
  },
};

function illFormed(problem: string) {
  return { errors: [refusal('BAD_USER_INPUT', problem)] };
}

const half = /\p{Surrogate}/u;
const deepest = 100;

function problemIn(value: unknown, level = 0): string | null {
  if (typeof value === 'string') {
    return half.test(value)
      ? 'A text in the variables is not Unicode: it has half of a surrogate pair (RFC 8259, 8.2).'
      : null;
  }
  if (value === null || typeof value !== 'object') return null;
  if (level > deepest) {
    return `The variables have too many levels. At most ${deepest} are taken.`;
  }
  for (const part of Object.values(value)) {
    const problem = problemIn(part, level + 1);
    if (problem !== null) return problem;
  }
  return null;
}
