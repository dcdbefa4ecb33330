import {
  type FieldNode,
  type FragmentDefinitionNode,
  getNamedType,
  getNullableType,
  GraphQLError,
  type GraphQLNamedType,
  type GraphQLSchema,
  isInterfaceType,
  isLeafType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';

/** A page has this many entries unless `first` or `last` say otherwise; see `schema/page.ts`. */
const ordinaryPage = 20;

/** What a page is counted with at most, and a list of nodes that is no page: none gives more. */
const largestPage = 100;

/** What counting a list costs: up to 10,000 rows are looked at. */
const counting = 50;
const counts = new Set(['totalCount', 'totalCountIsEstimate']);

type Variables = Readonly<Record<string, unknown>>;

/**
 * What an operation may cost: one for each object that it can at most be answered with, lists counted by
 * the size of their pages, those inside lists as often as the lists may repeat them. Values that stand
 * in an object cost nothing, but for the number of a list's entries.
 * @throws {GraphQLError} never for documents that were validated
 */
export function costOf(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  fragments: Readonly<Record<string, FragmentDefinitionNode>>,
  variables: Variables,
): number {
  const given: Record<string, unknown> = { ...variables };
  for (const { variable, defaultValue } of operation.variableDefinitions ?? []) {
    const { value: name } = variable.name;
    if (given[name] === undefined && defaultValue) given[name] = plainValue(defaultValue, {});
  }
  // A fragment that is spread many times is looked at once, or a short text could take for ever.
  const known = new Map<string, number>();
  const root = schema.getRootType(operation.operation);
  if (!root) throw new GraphQLError('There are no such operations here.');

  function ofSelection(type: GraphQLNamedType, set: SelectionSetNode, page: number): number {
    let cost = 0;
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        cost += ofField(type, selection, page);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        const { typeCondition } = selection;
        const on = typeCondition ? schema.getType(typeCondition.name.value) : type;
        cost += ofSelection(on ?? type, selection.selectionSet, page);
      } else {
        cost += ofFragment(selection.name.value, page);
      }
    }
    return cost;
  }

  function ofFragment(name: string, page: number): number {
    const before = known.get(`${page} ${name}`);
    if (before !== undefined) return before;
    const { [name]: fragment } = fragments;
    const on = fragment && schema.getType(fragment.typeCondition.name.value);
    const cost = on ? ofSelection(on, fragment.selectionSet, page) : 0;
    known.set(`${page} ${name}`, cost);
    return cost;
  }

  /** @param page  how long the lists are that a connection above holds */
  function ofField(type: GraphQLNamedType, field: FieldNode, page: number): number {
    const { name, selectionSet } = field;
    if (counts.has(name.value)) return counting;
    if (!selectionSet || name.value.startsWith('__')) return 0;
    if (!isObjectType(type) && !isInterfaceType(type)) return 0;
    const { [name.value]: definition } = type.getFields();
    if (!definition) return 0;
    const behind = getNamedType(definition.type);
    if (isLeafType(behind)) return 0;
    // `edges` repeats as the page that it is of; other lists by the ids that were given, else once.
    if (name.value === 'edges' || name.value === 'nodes') {
      const ids = listLength(field);
      const each = ofSelection(behind, selectionSet, ordinaryPage);
      return ids === null ? page * each : ids * (1 + each);
    }
    if (isListType(getNullableType(definition.type)) && leadsToNodes(behind)) {
      return largestPage * (1 + ofSelection(behind, selectionSet, ordinaryPage));
    }
    const isConnection = definition.args.some((arg) => arg.name === 'first');
    const inner = ofSelection(behind, selectionSet, isConnection ? pageSize(field) : ordinaryPage);
    return 1 + inner;
  }

  function pageSize(field: FieldNode): number {
    const size = numberOf(field, 'first') ?? numberOf(field, 'last') ?? ordinaryPage;
    return Math.min(Math.max(size, 0), largestPage);
  }

  function numberOf(field: FieldNode, name: string): number | null {
    const value = valueOf(field, name);
    return typeof value === 'number' ? value : null;
  }

  function listLength(field: FieldNode): number | null {
    const value = valueOf(field, 'ids');
    return Array.isArray(value) ? value.length : null;
  }

  function valueOf(field: FieldNode, name: string): unknown {
    const argument = field.arguments?.find((one) => one.name.value === name);
    return argument && plainValue(argument.value, given);
  }

  return ofSelection(root, operation.selectionSet, ordinaryPage);
}

/** Whether objects of a type are nodes or link to one: what hangs on those may be anything. */
function leadsToNodes(type: GraphQLNamedType): boolean {
  if (!isObjectType(type) && !isInterfaceType(type)) return false;
  return (
    isNode(type) || Object.values(type.getFields()).some((one) => isNode(getNamedType(one.type)))
  );
}

function isNode(type: GraphQLNamedType): boolean {
  if (!isObjectType(type) && !isInterfaceType(type)) return false;
  return type.getInterfaces().some(({ name }) => name === 'Node');
}

/** A number or a list, from the text or the variables; anything else does not matter here. */
function plainValue(node: ValueNode, variables: Variables): unknown {
  if (node.kind === Kind.INT) return Number(node.value);
  if (node.kind === Kind.LIST) return node.values;
  if (node.kind === Kind.VARIABLE) return variables[node.name.value];
  return undefined;
}
