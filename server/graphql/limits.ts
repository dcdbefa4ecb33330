import { maxAliasesPlugin } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthPlugin } from '@escape.tech/graphql-armor-max-depth';
import { maxDirectivesPlugin } from '@escape.tech/graphql-armor-max-directives';
import { maxTokensPlugin } from '@escape.tech/graphql-armor-max-tokens';
import { GraphQLError, NoSchemaIntrospectionCustomRule } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Counter } from '../model/metrics.ts';

/** How large an operation may be. Generous for people and programs, far below what hurts. */
export const limits = {
  depth: 20,
  aliases: 30,
  directives: 30,
  tokens: 2_000,
  /** Objects that an answer can have at most; see `cost.ts`. */
  cost: 50_000,
  /** Open at once with one token, on one process. */
  subscriptions: 500,
};

/**
 * Refuses operations that are too large, each with its code and HTTP 400, before anything runs.
 * @param refused  counts refusals by code
 */
export function limitPlugins(refused: Counter): readonly Plugin[] {
  // What the plugins say by themselves is "Syntax Error", under status 200.
  const limit = (n: number, code: string, message: string, unit = '') => ({
    n,
    onReject: [
      () => {
        refused({ code });
        throw refusal(code, `${message} At most ${n}${unit && ` ${unit}`} are taken.`);
      },
    ],
  });
  return [
    maxTokensPlugin(
      limit(
        limits.tokens,
        'TOO_MANY_TOKENS',
        'The operation is too long.',
        'tokens (words and signs)',
      ),
    ),
    maxDepthPlugin(limit(limits.depth, 'TOO_DEEP', 'The operation has too many levels.')),
    maxAliasesPlugin(
      limit(limits.aliases, 'TOO_MANY_ALIASES', 'The operation has too many aliases.'),
    ),
    maxDirectivesPlugin(
      limit(limits.directives, 'TOO_MANY_DIRECTIVES', 'The operation has too many directives.'),
    ),
  ];
}

/** Keeps the schema to those who have its file. */
export const noIntrospection: Plugin = {
  onValidate({ addValidationRule }) {
    addValidationRule(NoSchemaIntrospectionCustomRule);
  },
};

/** Gives syntax errors their code on both transports: yoga does it for HTTP alone. */
export const syntaxErrors: Plugin = {
  onParse:
    () =>
    ({ result, replaceParseResult }) => {
      if (!(result instanceof GraphQLError) || result.extensions['code'] !== undefined) return;
      const { message, source, positions } = result;
      const coded = new GraphQLError(message, {
        ...(source && { source }),
        ...(positions && { positions }),
        extensions: { code: 'GRAPHQL_PARSE_FAILED', http: { spec: true, status: 400 } },
      });
      replaceParseResult(coded);
    },
};

/** The error that a refused operation is answered with. */
export function refusal(
  code: string,
  message: string,
  more: Readonly<Record<string, unknown>> = {},
  status = 400,
): GraphQLError {
  return new GraphQLError(message, { extensions: { code, ...more, http: { status } } });
}
