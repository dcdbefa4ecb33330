/**
 * Arrays as PostgreSQL receives them in binary (`array_recv`): as text every byte of a `bytea` would be
 * four characters, to be written here and read there. `pg` sends a Buffer as it is.
 */

const textOid = 25;
const byteaOid = 17;
const timestampOid = 1184;
/** PostgreSQL counts from 2000-01-01, in microseconds. */
const epochMs = 946_684_800_000;

/** A `text[]`. */
export function textArray(values: readonly (string | null)[]): Buffer {
  // A UTF-16 unit becomes three bytes at most. Made in one piece: there may be 100,000 of them.
  let most = headerBytes;
  for (const value of values) most += 4 + 3 * (value?.length ?? 0);
  const bytes = Buffer.allocUnsafe(most);
  let at = writeHeader(bytes, textOid, values);
  for (const value of values) {
    const length = value === null ? 0 : bytes.write(value, at + 4);
    bytes.writeInt32BE(value === null ? -1 : length, at);
    at += 4 + length;
  }
  return bytes.subarray(0, at);
}

/** A `bytea[]`. */
export function byteaArray(values: readonly (Buffer | null)[]): Buffer {
  return arrayOf(byteaOid, values);
}

/** A `timestamptz[]`. */
export function timestampArray(values: readonly (Date | null)[]): Buffer {
  return arrayOf(
    timestampOid,
    values.map((value) => {
      if (value === null) return null;
      const bytes = Buffer.allocUnsafe(8);
      bytes.writeBigInt64BE(BigInt(value.getTime() - epochMs) * 1000n);
      return bytes;
    }),
  );
}

function arrayOf(elementOid: number, elements: readonly (Buffer | null)[]): Buffer {
  let size = headerBytes;
  for (const element of elements) size += 4 + (element?.length ?? 0);
  const bytes = Buffer.allocUnsafe(size);
  let at = writeHeader(bytes, elementOid, elements);
  for (const element of elements) {
    bytes.writeInt32BE(element?.length ?? -1, at);
    at += 4 + (element?.copy(bytes, at + 4) ?? 0);
  }
  return bytes;
}

const headerBytes = 20;

/** One dimension, whether there are nulls, the elements' type, their number, subscripts from 1. */
function writeHeader(bytes: Buffer, elementOid: number, elements: readonly unknown[]): number {
  const hasNulls = elements.includes(null) ? 1 : 0;
  for (const [at, value] of [1, hasNulls, elementOid, elements.length, 1].entries()) {
    bytes.writeInt32BE(value, at * 4);
  }
  return headerBytes;
}
