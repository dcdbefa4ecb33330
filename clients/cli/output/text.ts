/** A value as a cell of a table. */
export function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map(cell).join(',');
  return plain(typeof value === 'string' ? value : JSON.stringify(value));
}

/**
 * Text on one line that a terminal only shows: what devices call themselves must not move its cursor,
 * nor a tab in it make a column.
 */
export function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}

/** The same for text of several lines. */
export function plainLines(text: string): string {
  return text.split('\n').map(plain).join('\n');
}
