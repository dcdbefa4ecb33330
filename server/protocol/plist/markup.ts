import { PlistError } from './value.ts';

const tagNames = [
  'string',
  'integer',
  'real',
  'date',
  'data',
  'true',
  'false',
  'dict',
  'array',
  'plist',
  'key',
] as const;

/** The elements of a property list. */
export type Tag = (typeof tagNames)[number];

const byFirstLetter = new Map<number, readonly Tag[]>();
for (const tag of tagNames) {
  const letter = tag.charCodeAt(0);
  byFirstLetter.set(letter, [...(byFirstLetter.get(letter) ?? []), tag]);
}

/** What no text of XML may hold, not even as a reference (XML 1.0, 2.2). */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
export const forbiddenCharacter = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/;
const predefined = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
]);
const reference = /&(?:([a-z]+);|#x([\da-fA-F]{1,8});|#(\d{1,8});|)/g;
const attribute = `\\s+[A-Za-z_:][\\w:.-]*\\s*=\\s*(?:"[^"<&]*"|'[^'<&]*')`;
const wideTag = new RegExp(`^<([a-z]+)((?:${attribute})*)\\s*(/?)>`);
const tagLengthLimit = 1024;

const lessThan = 0x3c;
const slash = 0x2f;
const bang = 0x21;
const question = 0x3f;
const greater = 0x3e;

/**
 * A cursor over the XML that property lists are written in: tags, texts, and what may stand between.
 * Whatever it does is linear in what it moves over.
 */
export class Markup {
  readonly text: string;
  at = 0;
  /** Whether the tag that was opened last closed itself (`<string/>`). */
  selfClosed = false;
  /** Index of the next `&` and carriage return at or after `at`; -1: not yet looked for. */
  private ampersand = -1;
  private carriageReturn = -1;

  constructor(text: string) {
    this.text = text;
  }

  /**
   * Moves to the root: over the XML declaration and a DOCTYPE that declares nothing.
   * @returns the declared encoding, if there is one
   */
  prolog(): string | null {
    const { text } = this;
    let encoding: string | null = null;
    this.blank();
    if (/^<\?xml[ \t\r\n]/.test(text.slice(this.at, this.at + 6))) {
      const end = text.indexOf('?>', this.at);
      if (end < 0 || end - this.at > tagLengthLimit) throw this.syntax();
      const declared = /\sencoding\s*=\s*["']([^"']*)["']/.exec(text.slice(this.at, end));
      encoding = declared?.[1] ?? null;
      this.at = end + 2;
    }
    this.blanks();
    if (text.startsWith('<!DOCTYPE', this.at)) {
      const end = text.indexOf('>', this.at);
      if (end < 0 || end - this.at > tagLengthLimit) throw this.syntax();
      // An internal subset is where entities are declared; Apple's own DOCTYPE has none.
      if (text.slice(this.at, end).includes('[')) {
        throw new PlistError('doctype', 'A DOCTYPE with declarations of its own is not accepted.');
      }
      this.at = end + 1;
      this.blanks();
    }
    if (text.charCodeAt(this.at) !== lessThan) {
      throw new PlistError('not-a-plist', 'This is not a property list.');
    }
    return encoding;
  }

  /** Reads the opening tag that stands here. */
  openTag(): Tag {
    const { text, at } = this;
    if (text.charCodeAt(at) !== lessThan) throw at < text.length ? this.syntax() : this.truncated();
    for (const tag of byFirstLetter.get(text.charCodeAt(at + 1)) ?? []) {
      if (!text.startsWith(tag, at + 1)) continue;
      const after = at + 1 + tag.length;
      const next = text.charCodeAt(after);
      if (next === greater) {
        this.selfClosed = false;
        this.at = after + 1;
        return tag;
      }
      if (next === slash && text.charCodeAt(after + 1) === greater) {
        this.selfClosed = true;
        this.at = after + 2;
        return tag;
      }
      const wide = wideTag.exec(text.slice(at, at + tagLengthLimit));
      if (wide?.[1] !== tag) throw this.syntax();
      this.selfClosed = wide[3] === '/';
      this.at = at + wide[0].length;
      return tag;
    }
    throw this.syntax();
  }

  /** Whether a closing tag stands here. */
  get closing(): boolean {
    return this.text.charCodeAt(this.at + 1) === slash;
  }

  /** Reads the closing tag that stands here, which must be of `tag`. */
  closeTag(tag: Tag): void {
    const { text, at } = this;
    if (this.closesAt(tag, at)) {
      this.at = at + tag.length + 3;
      return;
    }
    const wide = /^<\/([a-z]+)\s*>/.exec(text.slice(at, at + tagLengthLimit));
    if (wide?.[1] !== tag) throw at < text.length ? this.syntax() : this.truncated();
    this.at = at + wide[0].length;
  }

  /**
   * Takes a text that runs straight to its closing tag, with nothing in it to resolve.
   * @returns where the text ends, or -1 (and nothing moved) if it is of another shape
   */
  plainText(tag: Tag): number {
    const { text, at } = this;
    const end = text.indexOf('<', at);
    if (end < 0) throw this.truncated();
    if (this.nextAmpersand() < end || this.nextCarriageReturn() < end) return -1;
    if (!this.closesAt(tag, end)) return -1;
    this.at = end + tag.length + 3;
    return end;
  }

  /** The text of the element `tag` that has just been opened; undefined, but checked, unless `build`. */
  content(tag: Tag, build: boolean): string | undefined {
    if (this.selfClosed) return build ? '' : undefined;
    const start = this.at;
    const end = this.plainText(tag);
    if (end < 0) return this.mixedContent(tag);
    return build ? this.text.slice(start, end) : undefined;
  }

  /** Text with references, CDATA, comments or carriage returns in it. */
  private mixedContent(tag: Tag): string {
    const { text } = this;
    const parts: string[] = [];
    for (;;) {
      const end = text.indexOf('<', this.at);
      if (end < 0) throw this.truncated();
      if (end > this.at) parts.push(resolved(lineEnds(text.slice(this.at, end))));
      this.at = end;
      if (this.closing) {
        this.closeTag(tag);
        return parts.join('');
      }
      if (text.startsWith('<![CDATA[', end)) {
        const close = text.indexOf(']]>', end + 9);
        if (close < 0) throw this.truncated();
        parts.push(lineEnds(text.slice(end + 9, close)));
        this.at = close + 3;
      } else if (!this.aside()) {
        throw this.syntax();
      }
    }
  }

  /** Moves over blanks, comments and processing instructions. */
  blanks(): void {
    do this.blank();
    while (this.aside());
  }

  /** Refuses anything from here on but blanks, comments and NULs. */
  nothingFollows(): void {
    do {
      this.blank();
      while (this.text.charCodeAt(this.at) === 0) this.at += 1;
      this.blank();
    } while (this.text.charCodeAt(this.at) === 0 || this.aside());
    if (this.at < this.text.length) {
      throw new PlistError('trailing', 'Something follows the end of the property list.');
    }
  }

  syntax(): PlistError {
    return new PlistError('syntax', `The property list is malformed at character ${this.at}.`);
  }

  private truncated(): PlistError {
    return new PlistError('truncated', 'The property list ends too early.');
  }

  private blank(): void {
    const { text } = this;
    let at = this.at;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x09 && code !== 0x0d) break;
      at += 1;
    }
    this.at = at;
  }

  /** Moves over one comment or processing instruction, if one stands here. */
  private aside(): boolean {
    const { text, at } = this;
    if (text.charCodeAt(at) !== lessThan) return false;
    const next = text.charCodeAt(at + 1);
    const instruction = next === question;
    if (!instruction && !(next === bang && text.startsWith('<!--', at))) return false;
    const end = instruction ? text.indexOf('?>', at + 2) : text.indexOf('-->', at + 4);
    if (end < 0) throw this.truncated();
    this.at = end + (instruction ? 2 : 3);
    return true;
  }

  private closesAt(tag: Tag, at: number): boolean {
    const { text } = this;
    return (
      text.charCodeAt(at + 1) === slash &&
      text.startsWith(tag, at + 2) &&
      text.charCodeAt(at + 2 + tag.length) === greater
    );
  }

  private nextAmpersand(): number {
    if (this.ampersand < this.at) this.ampersand = this.nextOf('&');
    return this.ampersand;
  }

  private nextCarriageReturn(): number {
    if (this.carriageReturn < this.at) this.carriageReturn = this.nextOf('\r');
    return this.carriageReturn;
  }

  private nextOf(character: string): number {
    const found = this.text.indexOf(character, this.at);
    return found < 0 ? this.text.length : found;
  }
}

function resolved(source: string): string {
  if (!source.includes('&')) return source;
  return source.replace(reference, (_, name?: string, hex?: string, decimal?: string) => {
    const character =
      name === undefined ? characterOf(hex, decimal) : (predefined.get(name) ?? null);
    if (character === null) {
      throw new PlistError('entity', 'The property list has an entity that XML does not define.');
    }
    return character;
  });
}

function characterOf(hex: string | undefined, decimal: string | undefined): string | null {
  const code = hex === undefined ? Number.parseInt(decimal ?? '', 10) : Number.parseInt(hex, 16);
  if (!(code > 0 && code <= 0x10ffff) || (code >= 0xd800 && code <= 0xdfff)) return null;
  const character = String.fromCodePoint(code);
  return forbiddenCharacter.test(character) ? null : character;
}

/** XML 1.0, 2.11: a carriage return, with or without its line feed, reads as a line feed. */
function lineEnds(source: string): string {
  return source.includes('\r') ? source.replace(/\r\n?/g, '\n') : source;
}
