import { ValidationError } from '../server/model/errors.ts';
import type { Page, Stretch } from '../server/store/read/keyset.ts';

/** The arguments of every connection. */
export interface PageArgs {
  readonly first?: number | null | undefined;
  readonly last?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly before?: string | null | undefined;
}

/** How a list writes its positions into cursors. */
export interface CursorCodec<Position> {
  encode(position: Position): string;
  /** @returns null when the text is no cursor of this list */
  decode(cursor: string): Position | null;
}

const defaultSize = 20;
const maxSize = 100;

/**
 * Cursors that hold the position itself, so that one still works when its row has gone.
 * @param list   names the list, so that another list's cursor is refused
 * @param parse  reads what `print` wrote
 */
export function cursorCodec<Position>(
  list: string,
  print: (position: Position) => readonly string[],
  parse: (parts: readonly string[]) => Position | null,
): CursorCodec<Position> {
  return {
    encode: (position) =>
      Buffer.from(JSON.stringify([list, ...print(position)])).toString('base64url'),
    decode(cursor) {
      const parts = readStrings(cursor);
      return parts === null || parts[0] !== list ? null : parse(parts.slice(1));
    },
  };
}

/** Reads the digits of a key. */
export function parseKey(text: string | undefined): bigint | null {
  return text !== undefined && /^-?\d{1,18}$/.test(text) ? BigInt(text) : null;
}

/** @throws {ValidationError} the arguments contradict each other, ask for too much or hold no cursor */
export function stretchOf<Position>(
  args: PageArgs,
  codec: CursorCodec<Position>,
): Stretch<Position> {
  const { first, last } = args;
  if (typeof first === 'number' && typeof last === 'number') {
    throw new ValidationError('FIRST_AND_LAST', 'Give `first` or `last`, not both.', ['last']);
  }
  const name = typeof last === 'number' ? 'last' : 'first';
  const limit = first ?? last ?? defaultSize;
  if (limit < 0 || limit > maxSize) {
    throw new ValidationError('PAGE_SIZE', `\`${name}\` must be between 0 and ${maxSize}.`, [name]);
  }
  return {
    limit,
    fromEnd: name === 'last',
    after: position(args.after, 'after', codec),
    before: position(args.before, 'before', codec),
  };
}

/** A Relay connection made of a page. */
export function connectionOf<Row, Node, Position>(
  page: Page<Row>,
  stretch: Stretch<Position>,
  edgeOf: (row: Row) => { readonly cursor: string; readonly node: Node },
) {
  const edges = page.rows.map(edgeOf);
  return {
    edges,
    pageInfo: {
      hasNextPage: stretch.fromEnd ? stretch.before !== null : page.more,
      hasPreviousPage: stretch.fromEnd ? page.more : stretch.after !== null,
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

/** A page of a list that is in memory already. */
export function pageOfList<Row>(rows: readonly Row[], stretch: Stretch<number>): Page<Row> {
  const between = rows.slice((stretch.after ?? -1) + 1, stretch.before ?? rows.length);
  const kept = stretch.fromEnd
    ? between.slice(Math.max(0, between.length - stretch.limit))
    : between.slice(0, stretch.limit);
  return { rows: kept, more: between.length > kept.length };
}

function position<Position>(
  cursor: string | null | undefined,
  name: string,
  codec: CursorCodec<Position>,
): Position | null {
  if (cursor === null || cursor === undefined) return null;
  const read = codec.decode(cursor);
  if (read === null) {
    throw new ValidationError(
      'CURSOR_INVALID',
      `\`${name}\` is no cursor of this list in this order.`,
      [name],
    );
  }
  return read;
}

function readStrings(cursor: string): readonly string[] | null {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    const isList = Array.isArray(parts) && parts.every((part) => typeof part === 'string');
    return isList && !parts.some((part) => part.includes('\0')) ? parts : null;
  } catch {
    return null;
  }
}
