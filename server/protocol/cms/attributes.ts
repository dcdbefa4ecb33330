import type { Element } from './ber.ts';
import { BerError, childrenOf, expectTag, oidOf, tag } from './ber.ts';
import { derOid, derSequence, derSet } from './der-write.ts';

/** Attributes by the object identifiers of their types, each with its values. */
export type Attributes = ReadonlyMap<string, readonly Element[]>;

/** An attribute with one value, to be written. */
export interface Attribute {
  /** Object identifier in dots. */
  readonly type: string;
  /** DER. */
  readonly value: Buffer;
}

/** Reads a SET OF Attribute, whatever tag stands for the set. @throws {BerError} */
export function readAttributes(set: Element): Attributes {
  const found = new Map<string, readonly Element[]>();
  for (const attribute of childrenOf(set)) {
    const [type, values, more] = childrenOf(expectTag(attribute, tag.sequence));
    const name = oidOf(type);
    if (more !== undefined) throw new BerError('an attribute has too many parts');
    if (found.has(name)) throw new BerError('an attribute stands twice');
    found.set(name, childrenOf(expectTag(values, tag.set)));
  }
  return found;
}

/** The one value of an attribute, or undefined where there is none. @throws {BerError} it has several */
export function singleValue(attributes: Attributes, type: string): Element | undefined {
  const [value, another] = attributes.get(type) ?? [];
  if (another !== undefined) throw new BerError('an attribute has several values');
  return value;
}

/** An Attribute with one value. @returns DER */
export function writeAttribute({ type, value }: Attribute): Buffer {
  return derSequence(derOid(type), derSet(value));
}
