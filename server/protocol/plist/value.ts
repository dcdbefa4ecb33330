/**
 * A property list's value. Integers are numbers up to 2^53 and bigints above; reals are numbers; data
 * is bytes. Dictionaries have no prototype, so a key named `__proto__` or `constructor` is only a key.
 */
export type PlistValue =
  | string
  | number
  | bigint
  | boolean
  | Date
  | Uint8Array
  | readonly PlistValue[]
  | PlistDict;

/** A dictionary of a property list. Made without a prototype. */
export interface PlistDict {
  readonly [key: string]: PlistValue;
}

/** Bounds of what a property list may ask of us. Beyond them it is refused, whoever sent it. */
export interface PlistLimits {
  /** How deep dictionaries and arrays may nest. @default 512 */
  readonly depth?: number;
  /** How many values it may hold, containers included. @default 1,000,000 */
  readonly values?: number;
  /**
   * Whether bytes after the root are passed over. On for what devices send (NanoMDM does so), off
   * for what users send: there only blanks, comments and NULs may follow. @default false
   */
  readonly allowTrailing?: boolean;
}

/** `PlistLimits` with every default filled in. */
export interface Bounds {
  readonly depth: number;
  readonly values: number;
  readonly allowTrailing: boolean;
}

export function boundsOf(limits: PlistLimits): Bounds {
  return {
    depth: limits.depth ?? 512,
    values: limits.values ?? 1_000_000,
    allowTrailing: limits.allowTrailing ?? false,
  };
}

export type PlistErrorCode =
  | 'not-a-plist'
  | 'bad-encoding'
  | 'syntax'
  | 'truncated'
  | 'doctype'
  | 'entity'
  | 'character'
  | 'too-deep'
  | 'too-many-values'
  | 'too-large'
  | 'bad-integer'
  | 'bad-real'
  | 'bad-date'
  | 'bad-data'
  | 'trailing'
  | 'wrong-type';

/** Why bytes are not a property list that we take. The only thing that the readers here throw. */
export class PlistError extends Error {
  override readonly name = 'PlistError';
  readonly code: PlistErrorCode;

  constructor(code: PlistErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** What Apple's documents call the type of a value, for messages. */
export function plistTypeOf(value: PlistValue): string {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'bigint') return 'integer';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'real';
  if (value instanceof Date) return 'date';
  if (value instanceof Uint8Array) return 'data';
  return Array.isArray(value) ? 'array' : 'dictionary';
}

export function isPlistDict(value: PlistValue | undefined): value is PlistDict {
  return value !== undefined && typeof value === 'object' && plistTypeOf(value) === 'dictionary';
}
