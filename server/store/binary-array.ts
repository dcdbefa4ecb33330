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
  return arrayOf(
    textOid,
    values.map((value) => (value === null ? null : Buffer.from(value, 'utf8'))),
  );
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
  let size = 20;
  for (const element of elements) size += 4 + (element?.length ?? 0);
  const bytes = Buffer.allocUnsafe(size);
  // One dimension, whether there are nulls, the elements' type, their number, subscripts from 1.
  const hasNulls = elements.includes(null) ? 1 : 0;
  for (const [at, value] of [1, hasNulls, elementOid, elements.length, 1].entries()) {
    bytes.writeInt32BE(value, at * 4);
  }
  let at = 20;
  for (const element of elements) {
    bytes.writeInt32BE(element?.length ?? -1, at);
    at += 4 + (element?.copy(bytes, at + 4) ?? 0);
  }
  return bytes;
}
