import { forbiddenCharacter } from './markup.ts';
import type { Bounds, PlistValue } from './value.ts';
import { PlistError } from './value.ts';

const magic = Buffer.from('bplist00', 'latin1');
const trailerLength = 32;
/** Objects may be shared, so that few bytes could unfold to very many. */
const unfoldedLimit = 64 * 1024 * 1024;
/** Core Foundation counts seconds from 2001-01-01. */
const epoch = Date.UTC(2001, 0, 1);
const depthLimit = 512;
const loneSurrogate = /\p{Surrogate}/u;

/** Whether the bytes announce a binary property list (of any version: others are refused later). */
export function isBinaryPlist(bytes: Buffer): boolean {
  return bytes.length >= 7 && bytes.subarray(0, 7).equals(magic.subarray(0, 7));
}

/**
 * Reads a binary property list (`bplist00`, the layout in Core Foundation's CFBinaryPList.c) into the
 * same values as the XML reader. Every offset is checked, cycles and unfolding are bounded.
 * @throws {PlistError}
 */
export function parseBinaryPlist(bytes: Buffer, bounds: Bounds): PlistValue {
  if (bytes.length < magic.length + trailerLength + 2 || !bytes.subarray(0, 8).equals(magic)) {
    throw new PlistError('not-a-plist', 'This is not a binary property list.');
  }
  return new BinaryReader(bytes, bounds).read();
}

class BinaryReader {
  private readonly bytes: Buffer;
  private readonly bounds: Bounds;
  private readonly depthLimit: number;
  private readonly offsetSize: number;
  private readonly refSize: number;
  private readonly objects: number;
  private readonly top: number;
  private readonly table: number;
  private values = 0;
  private unfolded = 0;

  constructor(bytes: Buffer, bounds: Bounds) {
    const trailer = bytes.length - trailerLength;
    this.bytes = bytes;
    this.bounds = bounds;
    // This reader recurses, so its depth has a ceiling of its own.
    this.depthLimit = Math.min(bounds.depth, depthLimit);
    this.offsetSize = bytes.readUInt8(trailer + 6);
    this.refSize = bytes.readUInt8(trailer + 7);
    this.objects = this.count(trailer + 8);
    this.top = this.count(trailer + 16);
    this.table = this.count(trailer + 24);
    const sizes = [this.offsetSize, this.refSize];
    if (
      sizes.some((size) => size < 1 || size > 8) ||
      this.objects < 1 ||
      this.table < magic.length ||
      this.table + this.objects * this.offsetSize > trailer ||
      this.top >= this.objects
    ) {
      throw malformed();
    }
  }

  read(): PlistValue {
    return this.object(this.top, 0);
  }

  private object(index: number, depth: number): PlistValue {
    this.values += 1;
    if (this.values > this.bounds.values) {
      throw new PlistError('too-many-values', 'The property list holds too many values.');
    }
    if (index >= this.objects) throw malformed();
    const at = this.unsigned(this.table + index * this.offsetSize, this.offsetSize);
    if (at < magic.length || at >= this.table) throw malformed();
    const marker = this.bytes.readUInt8(at);
    const low = marker & 0x0f;
    switch (marker >> 4) {
      case 0x0:
        if (marker === 0x08) return false;
        if (marker === 0x09) return true;
        throw malformed();
      case 0x1:
        return this.integer(at + 1, low);
      case 0x2:
        return this.real(at + 1, low);
      case 0x3:
        return this.date(at + 1, low);
      case 0x4:
        return Buffer.from(this.span(at, low, 1));
      case 0x5:
        return this.ascii(this.span(at, low, 1));
      case 0x6:
        return this.utf16(this.span(at, low, 2));
      case 0xa:
        return this.references(at, low, 1, depth).map((ref) => this.object(ref, depth + 1));
      case 0xd:
        return this.dictionary(this.references(at, low, 2, depth), depth);
      default:
        throw new PlistError('syntax', 'The binary property list has an object of unknown type.');
    }
  }

  private dictionary(references: readonly number[], depth: number): PlistValue {
    const dict = Object.create(null) as Record<string, PlistValue>;
    const size = references.length / 2;
    for (let n = 0; n < size; n += 1) {
      const key = this.object(references[n] ?? 0, depth + 1);
      if (typeof key !== 'string') throw malformed();
      dict[key] = this.object(references[n + size] ?? 0, depth + 1);
    }
    return dict;
  }

  private references(at: number, low: number, each: number, depth: number): readonly number[] {
    if (depth >= this.depthLimit) {
      throw new PlistError('too-deep', 'The property list nests too deeply.');
    }
    const [start, size] = this.sized(at, low);
    const total = size * each;
    if (start + total * this.refSize > this.table) throw malformed();
    if (this.values + total > this.bounds.values) {
      throw new PlistError('too-many-values', 'The property list holds too many values.');
    }
    return Array.from({ length: total }, (_, n) =>
      this.unsigned(start + n * this.refSize, this.refSize),
    );
  }

  private span(at: number, low: number, unit: number): Buffer {
    const [start, size] = this.sized(at, low);
    const end = start + size * unit;
    if (end > this.table) throw malformed();
    this.unfolded += end - start;
    if (this.unfolded > unfoldedLimit) {
      throw new PlistError('too-large', 'The property list unfolds to too many bytes.');
    }
    return this.bytes.subarray(start, end);
  }

  /** Where an object's content begins, and how many elements it has. */
  private sized(at: number, low: number): readonly [number, number] {
    if (low !== 0x0f) return [at + 1, low];
    const marker = at + 1 < this.table ? this.bytes.readUInt8(at + 1) : 0;
    const length = 1 << (marker & 0x0f);
    if (marker >> 4 !== 1 || length > 8 || at + 2 + length > this.table) throw malformed();
    return [at + 2 + length, this.unsigned(at + 2, length)];
  }

  private integer(at: number, power: number): number | bigint {
    const length = 2 ** power;
    if (power > 4 || at + length > this.table) throw malformed();
    if (power < 3) return this.bytes.readUIntBE(at, length);
    // 16 bytes carry what does not fit into 8 signed ones: up to 2^64-1.
    const high = power === 4 ? this.bytes.readBigInt64BE(at) : 0n;
    const big =
      power === 4
        ? (high << 64n) + this.bytes.readBigUInt64BE(at + 8)
        : this.bytes.readBigInt64BE(at);
    if (big < -(2n ** 63n) || big >= 2n ** 64n) {
      throw new PlistError('bad-integer', 'An integer is larger than 64 bits.');
    }
    const small = Number(big);
    return Number.isSafeInteger(small) ? small : big;
  }

  private real(at: number, power: number): number {
    if ((power !== 2 && power !== 3) || at + 2 ** power > this.table) throw malformed();
    return power === 2 ? this.bytes.readFloatBE(at) : this.bytes.readDoubleBE(at);
  }

  private date(at: number, power: number): Date {
    if (power !== 3 || at + 8 > this.table) throw malformed();
    const date = new Date(epoch + this.bytes.readDoubleBE(at) * 1000);
    if (Number.isNaN(date.getTime())) throw new PlistError('bad-date', 'A date is out of range.');
    return date;
  }

  private ascii(bytes: Buffer): string {
    if (bytes.some((byte) => byte > 0x7f)) {
      throw new PlistError('bad-encoding', 'An ASCII string of the property list is not ASCII.');
    }
    return checked(bytes.toString('latin1'));
  }

  private utf16(bytes: Buffer): string {
    const text = Buffer.from(bytes).swap16().toString('utf16le');
    if (loneSurrogate.test(text)) {
      throw new PlistError('bad-encoding', 'A string of the property list is not valid UTF-16.');
    }
    return checked(text);
  }

  private unsigned(at: number, length: number): number {
    if (length <= 6) return this.bytes.readUIntBE(at, length);
    const high = this.bytes.readUIntBE(at, length - 6);
    const value = high * 2 ** 48 + this.bytes.readUIntBE(at + length - 6, 6);
    if (!Number.isSafeInteger(value)) throw malformed();
    return value;
  }

  private count(at: number): number {
    return this.unsigned(at, 8);
  }
}

/** What XML could not carry is refused here too: no reader or database further on expects a NUL. */
function checked(text: string): string {
  if (forbiddenCharacter.test(text)) {
    throw new PlistError('character', 'The property list has a control character.');
  }
  return text;
}

function malformed(): PlistError {
  return new PlistError('syntax', 'The binary property list is malformed.');
}
