import type { PlistValue } from '../../server/protocol/plist/value.ts';
import { isPlistDict } from '../../server/protocol/plist/value.ts';

/** Writes a `bplist00` with four-byte offsets and two-byte references, for tests of the reader. */
export function binaryPlist(value: PlistValue): Buffer {
  const objects: Buffer[] = [];
  const top = add(value, objects);
  return assemble(objects, top);
}

/** Puts objects that are bytes already into a `bplist00`. */
export function assemble(objects: readonly Buffer[], top: number): Buffer {
  const parts: Buffer[] = [Buffer.from('bplist00')];
  const table = Buffer.alloc(objects.length * 4);
  let at = 8;
  objects.forEach((object, index) => {
    table.writeUInt32BE(at, index * 4);
    parts.push(object);
    at += object.length;
  });
  const trailer = Buffer.alloc(32);
  trailer[6] = 4;
  trailer[7] = 2;
  trailer.writeBigUInt64BE(BigInt(objects.length), 8);
  trailer.writeBigUInt64BE(BigInt(top), 16);
  trailer.writeBigUInt64BE(BigInt(at), 24);
  return Buffer.concat([...parts, table, trailer]);
}

function add(value: PlistValue, objects: Buffer[]): number {
  const index = objects.length;
  objects.push(Buffer.alloc(0));
  objects[index] = encode(value, objects);
  return index;
}

function encode(value: PlistValue, objects: Buffer[]): Buffer {
  if (typeof value === 'boolean') return Buffer.from([value ? 9 : 8]);
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return double(0x23, value);
  if (typeof value === 'number' || typeof value === 'bigint') return integer(BigInt(value));
  if (value instanceof Date) return double(0x33, (value.getTime() - Date.UTC(2001, 0, 1)) / 1000);
  if (value instanceof Uint8Array) return Buffer.concat([head(0x40, value.length), value]);
  if (typeof value === 'string') {
    const utf16 = Buffer.from(value, 'utf16le').swap16();
    const ascii = Array.from(value).every((character) => character <= '\x7f');
    return ascii
      ? Buffer.concat([head(0x50, value.length), Buffer.from(value, 'latin1')])
      : Buffer.concat([head(0x60, utf16.length / 2), utf16]);
  }
  if (isPlistDict(value)) {
    const keys = Object.keys(value).map((key) => add(key, objects));
    const values = Object.values(value).map((inner) => add(inner, objects));
    return Buffer.concat([head(0xd0, keys.length), ...[...keys, ...values].map(reference)]);
  }
  const inner = Array.isArray(value) ? (value as readonly PlistValue[]) : [];
  return Buffer.concat([
    head(0xa0, inner.length),
    ...inner.map((each) => reference(add(each, objects))),
  ]);
}

export function head(kind: number, size: number): Buffer {
  if (size < 15) return Buffer.from([kind | size]);
  const bytes = Buffer.from([kind | 15, 0x12, 0, 0, 0, 0]);
  bytes.writeUInt32BE(size, 2);
  return bytes;
}

export function reference(index: number): Buffer {
  return Buffer.from([index >> 8, index & 0xff]);
}

function double(marker: number, value: number): Buffer {
  const bytes = Buffer.from([marker, 0, 0, 0, 0, 0, 0, 0, 0]);
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

function integer(value: bigint): Buffer {
  if (value >= 0n && value < 256n) return Buffer.from([0x10, Number(value)]);
  if (value >= 0n && value < 65536n)
    return Buffer.from([0x11, Number(value >> 8n), Number(value & 255n)]);
  const wide = value >= 2n ** 63n;
  const bytes = Buffer.alloc(wide ? 17 : 9);
  bytes[0] = wide ? 0x14 : 0x13;
  if (wide) bytes.writeBigUInt64BE(value, 9);
  else bytes.writeBigInt64BE(value, 1);
  return bytes;
}
