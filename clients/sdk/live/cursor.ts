import { isRecord } from '../requests/http.ts';

/**
 * The cursor of what a subscription yielded: that of its one field.
 * @throws {TypeError} the document does not select it
 */
export function cursorOf(data: Readonly<Record<string, unknown>>): string {
  for (const value of Object.values(data)) {
    if (isRecord(value) && typeof value['cursor'] === 'string') return value['cursor'];
  }
  throw new TypeError(
    'This subscription cannot be resumed: select `cursor` on every type that it yields, ' +
      '`... on Checkpoint { cursor }` among them.',
  );
}

/**
 * Makes sure that a subscription's `after` can be replaced.
 * @throws {TypeError} the document has no variable for it
 */
export function requireAfter(text: string): void {
  if (/\bafter\s*:\s*\$after\b/.test(text)) return;
  throw new TypeError(
    'This subscription cannot be resumed: it has to take `$after: String` and pass it on as `after: $after`.',
  );
}
