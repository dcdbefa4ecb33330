/** Where NanoMDM's tools push and enqueue; the ids are the rest of the path, whatever it holds. */
export const pushPrefix = '/v1/push/';
export const enqueuePrefix = '/v1/enqueue/';

/**
 * The ids of a path behind its prefix: decoded, then separated by commas. Each comes once, and empty ones
 * (a comma at the end) are nobody.
 * @throws {URIError} the path holds a `%` that begins no character
 */
export function idsOf(path: string, prefix: string): readonly string[] {
  const decoded = decodeURIComponent(path.slice(prefix.length));
  // No id has a NUL, and PostgreSQL takes none: replaced, it is an id that nobody has.
  const ids = decoded.replaceAll('\0', '\ufffd').split(',');
  return [...new Set(ids)].filter((id) => id !== '');
}
