import { createHash } from 'node:crypto';
import {
  type ASTNode,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  type GraphQLError,
  Kind,
  print,
  type SelectionNode,
  visit,
} from 'graphql';
import { beside } from '../model/beside.ts';
import type { Viewer } from '../model/viewer.ts';

/** Carries out a subscription's selection on what its source has yielded. */
export type Answer = (item: unknown) => Promise<ExecutionResult>;

/** Told of what went wrong with an answer, before anybody gets it. */
export type Failed = (errors: readonly GraphQLError[]) => void;

/** What may be shared. */
export interface Sharing {
  /**
   * Whether an object goes to many subscriptions, and what their field makes of it does not depend on the
   * field's arguments.
   */
  readonly isShared: (item: unknown) => item is object;
  /** Whether what was made in this context is for its own viewer alone. */
  readonly isPersonal: (context: object) => boolean;
  /** Lets go of what was kept beside a context: its answer is complete. */
  readonly forget: (context: object) => void;
}

/**
 * Carries out selections on what sources yield, once for all subscriptions that select the same of the same
 * object and whose viewers see the same: a thousand dashboards of one program differ in nothing but their filters.
 */
export function createSharedAnswers({
  isShared,
  isPersonal,
  forget,
}: Sharing): (args: ExecutionArgs, viewer: Viewer, failed: Failed) => Answer {
  /** By object and selection; an answer becomes null when it is not for others. */
  const answers = beside<object, Map<string, Promise<ExecutionResult | null>>>();

  return (args, viewer, failed) => {
    const selection = selectionOf(args, viewer);

    // Each answer has a context of its own, which tells what has been shown in it.
    async function make(item: unknown) {
      const contextValue: object = { ...(args.contextValue as object) };
      try {
        const answer = await execute({ ...args, contextValue, rootValue: item });
        if (answer.errors) failed(answer.errors);
        return { answer, isForAll: !answer.errors && !isPersonal(contextValue) };
      } finally {
        forget(contextValue);
      }
    }

    return async (item) => {
      if (!isShared(item)) return (await make(item)).answer;
      const known = answers.of(item) ?? new Map<string, Promise<ExecutionResult | null>>();
      answers.keep(item, known);
      const made = known.get(selection);
      if (made) return (await made) ?? (await make(item)).answer;
      const making = make(item);
      const shared = making.then(
        ({ answer, isForAll }) => (isForAll ? answer : null),
        () => null,
      );
      known.set(selection, shared);
      return (await making).answer;
    };
  };
}

/** A name that is the same for all who select the same and see the same. */
function selectionOf(
  { document, operationName, variableValues }: ExecutionArgs,
  { tenant, scopes }: Viewer,
): string {
  const { text, variables } = documentOf(document);
  const values = Object.fromEntries(variables.map((name) => [name, variableValues?.[name]]));
  const said = [text, operationName ?? null, values, tenant, [...scopes].sort()];
  return createHash('sha256').update(JSON.stringify(said)).digest('base64');
}

interface KnownDocument {
  readonly text: string;
  /** Those that change what is selected: all but those that only the subscription's own field is given. */
  readonly variables: readonly string[];
}

const documents = new WeakMap<DocumentNode, KnownDocument>();

function documentOf(document: DocumentNode): KnownDocument {
  const known = documents.get(document);
  if (known) return known;
  const names = new Set<string>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.OPERATION_DEFINITION) {
      for (const selection of definition.selectionSet.selections) {
        addVariables(withoutArguments(selection), names);
      }
      for (const directive of definition.directives ?? []) addVariables(directive, names);
    } else {
      addVariables(definition, names);
    }
  }
  const text = document.loc?.source.body ?? print(document);
  const found = { text, variables: [...names].sort() };
  documents.set(document, found);
  return found;
}

function withoutArguments(selection: SelectionNode): SelectionNode {
  return selection.kind === Kind.FIELD ? { ...selection, arguments: [] } : selection;
}

function addVariables(node: ASTNode, names: Set<string>): void {
  visit(node, { Variable: ({ name }) => void names.add(name.value) });
}
