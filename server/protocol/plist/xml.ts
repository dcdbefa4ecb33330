import { checkBase64, readDate, readInteger, readReal } from './leaf.ts';
import type { Tag } from './markup.ts';
import { forbiddenCharacter, Markup } from './markup.ts';
import type { Bounds, PlistValue } from './value.ts';
import { PlistError } from './value.ts';

/** What `readXml` found. */
export interface XmlPlist {
  readonly value: PlistValue;
  /** Index after the root element. */
  readonly end: number;
  /** The XML declaration's encoding, if it names one. */
  readonly encoding: string | null;
}

type Container = Record<string, PlistValue> | PlistValue[];

/** Strings cut out of longer texts are copied, as each would keep its whole text alive in caches. */
const copyAbove = 4096;

/**
 * Reads one XML property list from `text`, iteratively: neither depth nor size can exhaust the stack.
 *
 * With `wanted`, everything is checked exactly the same, but only the wanted keys of the root
 * dictionary are kept, and a container among them only as an empty one of its type. The scanner and
 * the parser are this one function, so that they can't disagree on what is accepted.
 * @throws {PlistError}
 */
export function readXml(
  text: string,
  bounds: Bounds,
  wanted: ReadonlySet<string> | null,
): XmlPlist {
  return new XmlReader(text, bounds, wanted).read();
}

class XmlReader {
  private readonly markup: Markup;
  private readonly bounds: Bounds;
  private readonly wanted: ReadonlySet<string> | null;
  private readonly copies: boolean;
  private values = 0;

  constructor(text: string, bounds: Bounds, wanted: ReadonlySet<string> | null) {
    this.markup = new Markup(text);
    this.bounds = bounds;
    this.wanted = wanted;
    this.copies = wanted !== null && text.length > copyAbove;
  }

  read(): XmlPlist {
    const { markup } = this;
    const encoding = markup.prolog();
    let tag = markup.openTag();
    const wrapped = tag === 'plist';
    if (wrapped) {
      if (!markup.selfClosed) markup.blanks();
      if (markup.selfClosed || markup.closing) {
        throw new PlistError('not-a-plist', 'The property list is empty.');
      }
      tag = markup.openTag();
    }
    const value = this.root(tag);
    if (wrapped) {
      markup.blanks();
      markup.closeTag('plist');
    }
    const end = markup.at;
    const bad = forbiddenCharacter.exec(markup.text);
    if (bad !== null && bad.index < end) {
      throw new PlistError('character', 'The property list has a control character.');
    }
    if (!this.bounds.allowTrailing) markup.nothingFollows();
    return { value, end, encoding };
  }

  /** The root value, whose opening tag has just been read. */
  private root(tag: Tag): PlistValue {
    this.count();
    if (tag === 'dict' || tag === 'array') {
      const root = emptyContainer(tag);
      if (!this.markup.selfClosed) this.fill(root, tag === 'dict');
      return root;
    }
    const value = this.leaf(tag, true);
    if (value === undefined) throw this.markup.syntax();
    return value;
  }

  /** Reads everything up to the end of `root`, holding open containers on a stack of its own. */
  private fill(root: Container, rootIsDict: boolean): void {
    const { markup, wanted } = this;
    const dicts = [rootIsDict];
    // A null holder: what is inside is only checked.
    const holders: (Container | null)[] = [wanted !== null && !rootIsDict ? null : root];
    for (;;) {
      const depth = dicts.length;
      const isDict = dicts[depth - 1] === true;
      const holder = holders[depth - 1] ?? null;
      markup.blanks();
      if (markup.closing) {
        markup.closeTag(isDict ? 'dict' : 'array');
        if (depth === 1) return;
        dicts.pop();
        holders.pop();
        continue;
      }
      let tag = markup.openTag();
      let keep = holder !== null;
      let key = '';
      if (isDict) {
        if (tag !== 'key') throw markup.syntax();
        key = markup.content('key', keep) ?? '';
        keep = keep && (wanted === null || wanted.has(key));
        markup.blanks();
        tag = markup.openTag();
      }
      this.count();
      if (tag === 'dict' || tag === 'array') {
        const inner = keep ? emptyContainer(tag) : null;
        if (inner !== null && holder !== null) put(holder, key, inner);
        if (depth >= this.bounds.depth) {
          throw new PlistError('too-deep', 'The property list nests too deeply.');
        }
        if (markup.selfClosed) continue;
        dicts.push(tag === 'dict');
        holders.push(wanted === null ? inner : null);
      } else {
        const value = this.leaf(tag, keep);
        if (value !== undefined && keep && holder !== null) put(holder, key, value);
      }
    }
  }

  /** The value whose opening tag has just been read; checked, but maybe undefined unless `build`. */
  private leaf(tag: Tag, build: boolean): PlistValue | undefined {
    const { markup } = this;
    switch (tag) {
      case 'string': {
        const text = markup.content(tag, build);
        return text !== undefined && this.copies ? copied(text) : text;
      }
      case 'true':
      case 'false':
        if (!markup.selfClosed && markup.content(tag, true)?.trim() !== '') throw markup.syntax();
        return tag === 'true';
      case 'integer':
        return readInteger(markup.content(tag, true) ?? '');
      case 'real':
        return readReal(markup.content(tag, true) ?? '');
      case 'date':
        return readDate(markup.content(tag, true) ?? '');
      case 'data':
        return this.data(build);
      case 'dict':
      case 'array':
      case 'plist':
      case 'key':
        break;
    }
    throw markup.syntax();
  }

  private data(build: boolean): Buffer | undefined {
    const { markup } = this;
    if (markup.selfClosed) return build ? Buffer.alloc(0) : undefined;
    const start = markup.at;
    const end = markup.plainText('data');
    const source = end < 0 ? (markup.content('data', true) ?? '') : markup.text;
    const from = end < 0 ? 0 : start;
    const to = end < 0 ? source.length : end;
    checkBase64(source, from, to);
    return build ? Buffer.from(source.slice(from, to), 'base64') : undefined;
  }

  private count(): void {
    this.values += 1;
    if (this.values > this.bounds.values) {
      throw new PlistError('too-many-values', 'The property list holds too many values.');
    }
  }
}

function emptyContainer(tag: 'dict' | 'array'): Container {
  return tag === 'dict' ? (Object.create(null) as Record<string, PlistValue>) : [];
}

function put(holder: Container, key: string, value: PlistValue): void {
  if (Array.isArray(holder)) holder.push(value);
  else holder[key] = value;
}

function copied(source: string): string {
  return Buffer.from(source, 'utf16le').toString('utf16le');
}
