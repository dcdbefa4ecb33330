import type { Contender } from './contenders/contender.ts';
import { type Shape, titleOf } from './shape.ts';

/** A contender on a database of a shape. */
export interface Entry {
  readonly name: string;
  readonly contender: Contender;
  /** Null: the database holds only the devices that speak. */
  readonly shape: Shape | null;
}

/** Every contender with every shape; those with the same shape next to each other. */
export function entriesOf(
  contenders: readonly Contender[],
  shapes: readonly Shape[],
): readonly Entry[] {
  const few: readonly (Shape | null)[] = shapes.length === 0 ? [null] : shapes;
  return few.flatMap((shape) =>
    contenders.map((contender) => ({
      name:
        shape === null || few.length === 1
          ? contender.name
          : `${contender.name}: ${titleOf(shape)}`,
      contender,
      shape,
    })),
  );
}

/**
 * Who is compared with whom, by index: this server with each peer, its variants with its first one, and
 * every contender's other shapes with its first.
 */
export function pairsOf(entries: readonly Entry[]): readonly (readonly [number, number])[] {
  const pairs: [number, number][] = [];
  const first = entries[0];
  for (const [at, one] of entries.entries()) {
    const sameContender = entries.findIndex(({ contender }) => contender === one.contender);
    if (sameContender !== at) pairs.push([at, sameContender]);
    if (one.contender.family !== first?.contender.family) continue;
    const firstVariant = entries.findIndex(({ shape }) => shape === one.shape);
    if (firstVariant !== at) pairs.push([at, firstVariant]);
    for (const [other, peer] of entries.entries()) {
      if (peer.contender.family !== one.contender.family && peer.shape === one.shape) {
        pairs.push([at, other]);
      }
    }
  }
  return pairs;
}
