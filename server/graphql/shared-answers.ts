import { createHash } from 'node:crypto';
import {
  type ASTNode,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  Kind,
  type SelectionNode,
  visit,
} from 'graphql';
import type { Viewer } from '../model/viewer.ts';

/** Carries out a subscription's selection on what its source has yielded. */
export type Answer = (item: unknown) => ExecutionResult | Promise<ExecutionResult>;

/**
 * Carries out selections on what sources yield, once for all subscriptions that select the same of the same
 * object and whose viewers see the same: a thousand dashboards of one program differ in nothing but their filters.
 *
 * @param isShared  whether an object goes to many subscriptions, and what their field makes of it does not depend
 * on the field's arguments
 */
export function createSharedAnswers(
  isShared: (item: unknown) => item is object,
): (args: ExecutionArgs, viewer: Viewer) => Answer {
  const answers = new WeakMap<object, Map<string, Promise<ExecutionResult>>>();

  return (args, viewer) => {
    const selection = selectionOf(args, viewer);

    return (item) => {
      const answer = () => execute({ ...args, rootValue: item });
      if (!isShared(item)) return answer();
      const known = answers.get(item);
      const made = known?.get(selection);
      if (made) return made;
      const making = Promise.resolve(answer());
      if (known) known.set(selection, making);
      else answers.set(item, new Map([[selection, making]]));
      making.then(
        ({ errors }) => {
          // The next one tries again.
          if (errors) answers.get(item)?.delete(selection);
        },
        () => answers.get(item)?.delete(selection),
      );
      return making;
    };
  };
}

/** A name that is the same for all who select the same and see the same. */
function selectionOf(
  { document, operationName, variableValues }: ExecutionArgs,
  { tenant, scopes, tokenId, actor }: Viewer,
): string {
  const { number, variables } = documentOf(document);
  const values = Object.fromEntries(variables.map((name) => [name, variableValues?.[name]]));
  // Who is shown a secret goes on record, by token.
  const reader = scopes.has('secrets:read') ? [tokenId, actor] : null;
  const said = [number, operationName ?? null, values, tenant, [...scopes].sort(), reader];
  return createHash('sha256').update(JSON.stringify(said)).digest('base64');
}

interface KnownDocument {
  readonly number: number;
  /** Those that change what is selected: all but those that only the subscription's own field is given. */
  readonly variables: readonly string[];
}

const documents = new WeakMap<DocumentNode, KnownDocument>();
let lastNumber = 0;

/** The parser hands out one document for one text. */
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
  lastNumber += 1;
  const found = { number: lastNumber, variables: [...names].sort() };
  documents.set(document, found);
  return found;
}

function withoutArguments(selection: SelectionNode): SelectionNode {
  return selection.kind === Kind.FIELD ? { ...selection, arguments: [] } : selection;
}

function addVariables(node: ASTNode, names: Set<string>): void {
  visit(node, { Variable: ({ name }) => void names.add(name.value) });
}
