import { getOperationAST, Kind, type DocumentNode, type FragmentDefinitionNode } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Counter } from '../model/metrics.ts';
import { costOf } from './cost.ts';
import { limits, refusal } from './limits.ts';

/** What was asked for, as graphql takes it. */
interface Asked {
  readonly schema: Parameters<typeof costOf>[0];
  readonly document: DocumentNode;
  readonly operationName?: string | null;
  readonly variableValues?: Readonly<Record<string, unknown>> | null;
}

/**
 * Refuses operations that could cost more than the limit, before anything is read, and tells every
 * answer's cost in `extensions.cost`.
 */
export function costPlugin(refused: Counter): Plugin {
  function judge(asked: Asked) {
    const cost = costOfAsked(asked);
    if (cost <= limits.cost) return { cost, refusal: null };
    refused({ code: 'TOO_EXPENSIVE' });
    return {
      cost,
      refusal: {
        errors: [
          refusal(
            'TOO_EXPENSIVE',
            `The operation could be answered with ${cost} objects, more than the ${limits.cost} that are ` +
              'taken. Ask for smaller pages (`first`), or for fewer lists inside lists.',
            { cost: { requested: cost, limit: limits.cost } },
          ),
        ],
      },
    };
  }

  return {
    onExecute({ args, setResultAndStopExecution }) {
      const judged = judge(args);
      if (judged.refusal) {
        setResultAndStopExecution(judged.refusal);
        return undefined;
      }
      return {
        onExecuteDone({ result, setResult }) {
          if (Symbol.asyncIterator in result) return;
          const cost = { requested: judged.cost, limit: limits.cost };
          setResult({ ...result, extensions: { ...result.extensions, cost } });
        },
      };
    },
    onSubscribe({ args, setResultAndStopExecution }) {
      const judged = judge(args);
      if (judged.refusal) setResultAndStopExecution(judged.refusal);
    },
  };
}

function costOfAsked({ schema, document, operationName, variableValues }: Asked): number {
  const operation = getOperationAST(document, operationName);
  if (!operation) return 0;
  const fragments: Record<string, FragmentDefinitionNode> = {};
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition;
  }
  return costOf(schema, operation, fragments, variableValues ?? {});
}
