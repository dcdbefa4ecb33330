import { type GraphQLResolveInfo, isObjectType } from 'graphql';
import { ValidationError } from '../server/model/errors.ts';

/** How many nodes one `nodes` query may ask for. */
const nodesLimit = 100;

interface GlobalId {
  readonly typename: string;
  readonly id: string;
}

/** @throws {ValidationError} it names no type whose objects are found by their ids */
function demandNode({ typename }: GlobalId, { schema }: GraphQLResolveInfo, name: string): void {
  const type = schema.getType(typename);
  if (isObjectType(type) && type.getInterfaces().some(({ name: one }) => one === 'Node')) return;
  throw new ValidationError('BAD_USER_INPUT', 'This is no global id. Send ids as you got them.', [
    name,
  ]);
}

/** Words for the types and arguments that the relay plugin makes. */
export const relayOptions = {
  cursorType: 'String',
  idFieldOptions: { description: 'Opaque global id: `node(id:)` finds the same object by it.' },
  nodeTypeOptions: { description: 'An object that can be fetched again by its global id.' },
  pageInfoTypeOptions: { description: 'Where a page of a list begins and ends.' },
  hasNextPageFieldOptions: { description: 'Whether the list goes on behind this page.' },
  hasPreviousPageFieldOptions: { description: 'Whether the list has anything before this page.' },
  startCursorFieldOptions: { description: 'Cursor of the first edge; null when there is none.' },
  endCursorFieldOptions: { description: 'Cursor of the last edge; null when there is none.' },
  cursorFieldOptions: { description: 'Position of this edge: pass it as `after` or `before`.' },
  nodeFieldOptions: { description: 'The object at this position.' },
  edgesFieldOptions: { description: 'The objects of this page, each with its cursor.' },
  pageInfoFieldOptions: { description: 'Where this page begins and ends.' },
  firstArgOptions: { description: 'This many from the start, at most 100; 20 unless said.' },
  lastArgOptions: { description: 'This many from the end, at most 100.' },
  afterArgOptions: { description: 'Only what comes after this cursor.' },
  beforeArgOptions: { description: 'Only what comes before this cursor.' },
  defaultConnectionTypeOptions: { description: 'A page of a list.' },
  defaultEdgeTypeOptions: { description: 'An object in a list, with its position.' },
  nodeQueryOptions: {
    description: 'Any object by its global id; null when there is none for this token.',
    authScopes: { anyToken: true },
    args: { id: { description: 'A global id, as any object shows it.' } },
    resolve: (
      _root: object,
      { id }: { id: GlobalId },
      _context: object,
      info: GraphQLResolveInfo,
      resolveNode: (id: GlobalId) => unknown,
    ) => {
      demandNode(id, info, 'id');
      return resolveNode(id);
    },
  },
  nodesQueryOptions: {
    description: 'Objects by their global ids, in the same order; null where there is none.',
    authScopes: { anyToken: true },
    args: { ids: { description: 'Global ids, at most 100.' } },
    resolve: async (
      _root: object,
      { ids }: { ids: readonly GlobalId[] },
      _context: object,
      info: GraphQLResolveInfo,
      resolveNodes: (ids: GlobalId[]) => Promise<unknown[]>,
    ) => {
      if (ids.length > nodesLimit) {
        throw new ValidationError('TOO_MANY', `At most ${nodesLimit} ids at once.`, ['ids']);
      }
      for (const id of ids) demandNode(id, info, 'ids');
      return resolveNodes([...ids]);
    },
  },
} as const;
