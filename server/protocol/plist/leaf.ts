import { PlistError } from './value.ts';

const smallestInteger = -(2n ** 63n);
const largestInteger = 2n ** 64n - 1n;
const decimal = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const dateForm = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
const numberTextLimit = 400;

/**
 * The number in an `<integer>`: decimal or `0x` hexadecimal, from -2^63 to 2^64-1 (what Apple's own
 * writers produce), a bigint where a double would lose digits.
 */
export function readInteger(source: string): number | bigint {
  const text = source.trim();
  const match = text.length <= 64 ? /^([+-]?)(0[xX][\da-fA-F]+|\d+)$/.exec(text) : null;
  const digits = match?.[2];
  if (digits === undefined) throw new PlistError('bad-integer', 'An integer is not a number.');
  const small = Number(digits);
  const negative = match?.[1] === '-';
  if (small <= Number.MAX_SAFE_INTEGER) return negative && small !== 0 ? -small : small;
  const big = negative ? -BigInt(digits) : BigInt(digits);
  if (big < smallestInteger || big > largestInteger) {
    throw new PlistError('bad-integer', 'An integer is larger than 64 bits.');
  }
  return big;
}

/** The number in a `<real>`; `nan`, `inf` and `infinity` as Core Foundation writes them. */
export function readReal(source: string): number {
  const text = source.trim();
  if (text.length <= numberTextLimit) {
    if (decimal.test(text)) {
      const value = Number(text);
      if (Number.isFinite(value)) return value;
    }
    const special = /^([+-]?)(?:inf|infinity)$/i.exec(text);
    if (special) return special[1] === '-' ? -Infinity : Infinity;
    if (/^[+-]?nan$/i.test(text)) return Number.NaN;
  }
  throw new PlistError('bad-real', 'A real is not a number.');
}

/** The moment in a `<date>`: RFC 3339; days that do not exist are refused. */
export function readDate(source: string): Date {
  const match = source.length <= numberTextLimit ? dateForm.exec(source.trim()) : null;
  const seconds = match?.[1];
  const zone = match?.[3];
  if (seconds !== undefined && zone !== undefined) {
    const local = new Date(`${seconds}Z`);
    // JavaScript turns 30 February into 2 March; only what reads back the same exists.
    const exists = !Number.isNaN(local.getTime()) && local.toISOString().startsWith(seconds);
    if (exists) {
      const fraction = (match?.[2] ?? '').slice(0, 4);
      const date = new Date(`${seconds}${fraction}${zone}`);
      if (!Number.isNaN(date.getTime())) return date;
    }
  }
  throw new PlistError('bad-date', 'A date is not of the form 2026-01-31T12:00:00Z.');
}

/** For each ASCII character: 1 part of base64, 2 blank, 0 neither. */
const base64Kind = new Uint8Array(128);
for (const letter of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/') {
  base64Kind[letter.charCodeAt(0)] = 1;
}
for (const blank of ' \t\r\n') base64Kind[blank.charCodeAt(0)] = 2;

/**
 * Checks that `text[start, end)` is standard padded base64, blanks anywhere. Linear, without a copy:
 * it runs over half a megabyte on the hot path.
 */
export function checkBase64(text: string, start: number, end: number): void {
  let digits = 0;
  let padding = 0;
  for (let at = start; at < end; at += 1) {
    const code = text.charCodeAt(at);
    const kind = code < 128 ? base64Kind[code] : 0;
    if (kind === 1 && padding === 0) digits += 1;
    else if (code === 0x3d && padding < 2) padding += 1;
    else if (kind !== 2) throw new PlistError('bad-data', 'Data is not base64.');
  }
  if ((digits + padding) % 4 !== 0 || (padding > 0 && digits % 4 === 0)) {
    throw new PlistError('bad-data', 'Data is not padded base64.');
  }
}
