/** Where NanoMDM's tools push and enqueue; the ids are the rest of the path, whatever it holds. */
export const pushPrefix = '/v1/push/';
export const enqueuePrefix = '/v1/enqueue/';

/**
 * The ids of a path behind its prefix: decoded, then separated by commas. Each comes once, and empty ones
 * (a comma at the end) are nobody.
 * @throws {URIError} the path holds a `%` that begins no character
 */
export function idsOf(path: string, prefix: string): readonly string[] {
  const written = path.slice(prefix.length);
  // Mostly there is nothing to decode in them, and they may be a megabyte.
  const decoded = written.includes('%') ? decodeURIComponent(written) : written;
  // No id has a NUL, and PostgreSQL takes none: replaced, it is an id that nobody has.
  const text = JSON.stringify(decoded.replaceAll('\0', '\ufffd'));
  // By way of JSON each is a string of its own. What `split` returns are windows into the whole path: it
  // stays as long as one of them, and thousands of them are sorted in twice the time.
  const ids: string[] = JSON.parse(`[${text.replaceAll(',', '","')}]`);
  return [...new Set(ids)].filter((id) => id !== '');
}
