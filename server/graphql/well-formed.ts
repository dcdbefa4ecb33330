import type { Plugin } from 'graphql-yoga';
import { refusal } from './limits.ts';

/**
 * Refuses variables with half a surrogate pair in a text. GraphQL's strings are made of Unicode scalar
 * values, which graphql-js demands of the operation's text, but not of variables; a database, and whoever
 * gets such a text again, would stumble over it.
 */
export const wellFormedPlugin: Plugin = {
  onExecute({ args, setResultAndStopExecution }) {
    if (!isWellFormed(args.variableValues)) setResultAndStopExecution(illFormed());
  },
  onSubscribe({ args, setResultAndStopExecution }) {
    if (!isWellFormed(args.variableValues)) setResultAndStopExecution(illFormed());
  },
};

function illFormed() {
  const message =
    'A text in the variables is not Unicode: it has half of a surrogate pair (RFC 8259, 8.2).';
  return { errors: [refusal('BAD_USER_INPUT', message)] };
}

const half = /\p{Surrogate}/u;

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return !half.test(value);
  if (value === null || typeof value !== 'object') return true;
  return Object.values(value).every(isWellFormed);
}
