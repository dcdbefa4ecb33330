import type { GraphQLSchema } from 'graphql';
import { createYoga } from 'graphql-yoga';
import type { Log } from '../model/log.ts';
import type { Metrics } from '../model/metrics.ts';
import { costPlugin } from './cost-limit.ts';
import { limitPlugins, noIntrospection, syntaxErrors } from './limits.ts';
import { createMask } from './mask.ts';
import { openSubscriptionsPlugin } from './open-subscriptions.ts';
import type { ContextOf, Operation } from './operation.ts';
import { requestLimitPlugin } from './request-limits.ts';
import { requestManners } from './request-manners.ts';
import type { GraphqlSettings } from './settings.ts';
import { unconditionalSubscriptionPlugin } from './unconditional-subscription.ts';
import { wellFormedPlugin } from './well-formed.ts';

/** Where the graph is. */
export const endpoint = '/graphql';

export interface YogaParts<Context> {
  readonly schema: GraphQLSchema;
  readonly contextOf: ContextOf<Context>;
  readonly settings: GraphqlSettings;
  /** Whether an error says that the database is away. */
  readonly isUnavailable: (error: unknown) => boolean;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** The one pipeline that operations of both transports go through: limits, context, masking. */
export function createPipeline<Context extends object>(parts: YogaParts<Context>) {
  const { schema, contextOf, settings, log, metrics } = parts;
  const mask = createMask(log, parts.isUnavailable);
  const refused = metrics.counter(
    'graphmdm_graphql_refused_total',
    'Operations refused because they were too large.',
    ['code'],
  );
  const yoga = createYoga<{ operation: Operation }, Context>({
    schema,
    graphqlEndpoint: endpoint,
    context: ({ operation }) => contextOf(operation),
    plugins: [
      requestManners,
      syntaxErrors,
      requestLimitPlugin(settings.bodyLimit, refused),
      ...limitPlugins(refused),
      ...(settings.introspection ? [] : [noIntrospection]),
      unconditionalSubscriptionPlugin,
      wellFormedPlugin,
      costPlugin(refused),
      openSubscriptionsPlugin(refused),
    ],
    maskedErrors: { maskError: mask },
    maxRequestBodySize: settings.bodyLimit,
    // What has to be logged, the mask logs.
    logging: false,
    // We serve the page ourselves, before asking for a token.
    graphiql: false,
    landingPage: false,
    // Yoga reads the whole upload into memory first.
    multipart: false,
    // Browsers of other sites have no business here: nothing is answered without a token.
    cors: false,
  });
  return { yoga, mask };
}

export type Pipeline<Context extends object> = ReturnType<typeof createPipeline<Context>>;
