/** What a text may take of an event's 1 KB, as JSON: a topic or a uuid of 255 plain characters fits. */
export const shortTextRoom = 280;

/**
 * How many characters of a text that has not enough room are kept. JSON writes a control character in six
 * bytes and no other in more, and the quotes take two.
 */
export function shortTextLength(room: number): number {
  return Math.floor((room - 2) / 6);
}

/**
 * A text of somebody else's, as an event tells it: whole where it is short, else its beginning.
 * `shortTextSql` does the same in a statement.
 * @param room  bytes of JSON that it may take
 */
export function shortText(text: string, room = shortTextRoom): string {
  // A character is two units of UTF-16 at most; what is longer by far is not measured.
  const start = text.slice(0, room);
  if (start === text && Buffer.byteLength(JSON.stringify(text)) <= room) return text;
  return Array.from(start).slice(0, shortTextLength(room)).join('');
}
