import { shortTextLength, shortTextRoom } from '../../model/short-text.ts';

/** `shortText` of an expression of type text; null stays null. */
export function shortTextSql(text: string, room = shortTextRoom): string {
  return (
    `case when octet_length(to_json(${text})::text) > ${room} ` +
    `then left(${text}, ${shortTextLength(room)}) else ${text} end`
  );
}
