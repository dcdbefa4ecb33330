import { forbiddenCharacter } from './markup.ts';
import type { PlistValue } from './value.ts';
import { isPlistDict } from './value.ts';

const head =
  '<?xml version="1.0" encoding="UTF-8"?>\n' +
  '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n' +
  '<plist version="1.0">\n';

/**
 * Writes an XML property list. Whole numbers and bigints become integers, other numbers reals; dates
 * have whole seconds; data stands on one line; keys keep their order.
 * @throws {RangeError} a text has a character that XML cannot carry, or a date is none
 */
export function buildPlist(value: PlistValue): Buffer {
  const parts = [head];
  write(value, '', parts);
  parts.push('</plist>\n');
  return Buffer.from(parts.join(''), 'utf8');
}

function write(value: PlistValue, indent: string, parts: string[]): void {
  if (isPlistDict(value)) {
    const entries = Object.entries(value);
    if (entries.length === 0) {
      parts.push(`${indent}<dict/>\n`);
      return;
    }
    parts.push(`${indent}<dict>\n`);
    for (const [key, inner] of entries) {
      parts.push(`${indent}\t<key>${escaped(key)}</key>\n`);
      write(inner, `${indent}\t`, parts);
    }
    parts.push(`${indent}</dict>\n`);
  } else if (Array.isArray(value)) {
    if (value.length === 0) {
      parts.push(`${indent}<array/>\n`);
      return;
    }
    parts.push(`${indent}<array>\n`);
    for (const inner of value as readonly PlistValue[]) write(inner, `${indent}\t`, parts);
    parts.push(`${indent}</array>\n`);
  } else {
    parts.push(`${indent}${leaf(value)}\n`);
  }
}

function leaf(value: PlistValue): string {
  if (typeof value === 'string') return `<string>${escaped(value)}</string>`;
  if (typeof value === 'boolean') return value ? '<true/>' : '<false/>';
  if (typeof value === 'bigint') return `<integer>${value}</integer>`;
  if (typeof value === 'number') return number(value);
  if (value instanceof Date) {
    return `<date>${value.toISOString().replace(/\.\d+Z$/, 'Z')}</date>`;
  }
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return `<data>${bytes.toString('base64')}</data>`;
  }
  throw new TypeError('Not a value of a property list.');
}

function number(value: number): string {
  if (Number.isSafeInteger(value)) return `<integer>${value === 0 ? 0 : value}</integer>`;
  if (Number.isNaN(value)) return '<real>nan</real>';
  if (!Number.isFinite(value)) return `<real>${value > 0 ? '+' : '-'}infinity</real>`;
  return `<real>${value}</real>`;
}

const loneSurrogate = /\p{Surrogate}/u;
const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  // Unescaped, a reader turns it into a line feed.
  '\r': '&#13;',
};

function escaped(text: string): string {
  if (forbiddenCharacter.test(text) || loneSurrogate.test(text)) {
    throw new RangeError('A text holds a character that XML cannot carry.');
  }
  return /[&<>\r]/.test(text)
    ? text.replace(/[&<>\r]/g, (character) => escapes[character] ?? '')
    : text;
}
