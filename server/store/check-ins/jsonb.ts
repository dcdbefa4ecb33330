/**
 * JSON for a jsonb column. PostgreSQL takes neither U+0000 nor half of a surrogate pair there, and
 * devices and URLs can bring both (a text cut in the middle of a character too): each becomes U+FFFD.
 * The bytes as sent are kept elsewhere.
 */
export function jsonb(value: object | null): string | null {
  if (value === null) return null;
  // JSON.stringify writes exactly these as escapes; an escaped backslash before them is none.
  return JSON.stringify(value).replaceAll(/\\(?:\\|u0000|ud[89a-f][\da-f]{2})/g, (escape) =>
    escape === '\\\\' ? escape : '\\ufffd',
  );
}
