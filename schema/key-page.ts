import type { PageArgs } from './page.ts';
import { connectionOf, cursorCodec, parseKey, stretchOf } from './page.ts';
import { pageOf } from '../server/store/read/keyset.ts';

/** Which rows a page has, as Prisma is asked for them. */
export interface KeyRange {
  /** The keys that they may have: a condition on the list's key. */
  readonly key: { readonly lt?: bigint; readonly gt?: bigint };
  readonly order: 'asc' | 'desc';
  readonly take: number;
}

/**
 * A list through Prisma in the order of a key that never changes. Prisma's own cursors name a row, and
 * when that has gone they answer an empty page as if the list were at its end.
 * @param name       names the list in its cursors
 * @param direction  of its keys
 * @param keyOf      the key of a row
 */
export function keyList<Keyed>(
  name: string,
  direction: 'asc' | 'desc',
  keyOf: (row: Keyed) => bigint,
) {
  const codec = cursorCodec<bigint>(
    name,
    (key) => [String(key)],
    ([key]) => parseKey(key),
  );

  /**
   * @param find  reads the rows of a range
   * @throws {ValidationError} the arguments are wrong; see `stretchOf`
   */
  return async function page<Row extends Keyed>(
    args: PageArgs,
    find: (range: KeyRange) => Promise<Row[]>,
  ) {
    const stretch = stretchOf(args, codec);
    const { after, before, fromEnd, limit } = stretch;
    const [least, most] = direction === 'asc' ? [after, before] : [before, after];
    const rows = await find({
      key: { ...(least !== null && { gt: least }), ...(most !== null && { lt: most }) },
      order: fromEnd === (direction === 'asc') ? 'desc' : 'asc',
      take: limit + 1,
    });
    return connectionOf(pageOf(rows, stretch), stretch, (row) => ({
      cursor: codec.encode(keyOf(row)),
      node: row,
    }));
  };
}
