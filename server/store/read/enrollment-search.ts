import type { Channels, EnrollmentFilter } from '../../model/targets.ts';
import { deviceNameOf, serialNumberOf } from './enrollment-columns.ts';

/** Takes a value and answers its placeholder. */
type Param = (value: unknown, type: string) => string;

/** Says a condition of an enrolment's device, by the alias that it has. */
type OfDevice = (condition: (of: string) => string) => string;

/** What stands between the parts of a searched text, and in no text that is searched for. */
const between = '\u0001';

/**
 * What is searched, as the index `enrollment_search_idx` has it: id, serial number and name in small
 * letters, as far as they are ASCII, behind a mark of the tenant. That mark is in capitals, which no text
 * that is searched for has.
 */
export function searchedTextOf(of: string): string {
  const small = (column: string) => `coalesce(lower(${of}.${column} collate "C"), '')`;
  const parts = [markOf(`${of}.tenant_id`), ...['id', 'serial_number', 'device_name'].map(small)];
  return `(chr(1) || ${parts.join(' || chr(1) || ')})`;
}

/** A word that no other tenant has, so that a tenant's search does not read what the others have. */
function markOf(tenant: string): string {
  return `'T' || translate(${tenant}::text, '0123456789', 'ABCDEFGHIJ')`;
}

/** Whether a filter searches texts, and nothing can hold for what it does not find by them. */
export function searches({ search, and }: EnrollmentFilter): boolean {
  return search !== undefined || (and?.some(searches) ?? false);
}

/** Whether nothing can hold for what the index of texts does not find. */
export function searchesInside({ search, inside, and }: EnrollmentFilter): boolean {
  return (search !== undefined && inside === true) || (and?.some(searchesInside) ?? false);
}

/**
 * The members of a filter that search texts.
 * @param owner  SQL of the tenant that it is about, where it is about one
 */
export function searchConditions(
  { search, inside }: EnrollmentFilter,
  { channels, owner }: { readonly channels: Channels; readonly owner: string | null },
  ofDevice: OfDevice,
  param: Param,
): string[] {
  if (search === undefined) return [];
  return [
    inside === true
      ? `(${anywhere(search, channels, owner, param)})`
      : `(${begun(search, ofDevice, param)})`,
  ];
}

/** Ids and serial numbers are found in capitals too; names in any letters, as far as they are ASCII. */
function begun(text: string, ofDevice: OfDevice, param: Param): string {
  const spellings = [...new Set([text, text.toUpperCase()])];
  return [
    ...spellings.map((one) => begins('e.id', one, param)),
    ofDevice(
      (of) =>
        `(${[
          ...spellings.map((one) => begins(serialNumberOf(of), one, param)),
          begins(deviceNameOf(of), smallLetters(text), param),
        ].join(' or ')})`,
    ),
  ].join(' or ');
}

/** A text in byte order begins with another: a range, which an index can answer. */
function begins(column: string, prefix: string, param: Param): string {
  const from = `${column} >= ${param(prefix, 'text')}`;
  // U+10FFFF is the last character of all, and no text has it.
  return `(${from} and ${column} < ${param(`${prefix}\u{10ffff}`, 'text')})`;
}

function anywhere(text: string, channels: Channels, owner: string | null, param: Param): string {
  if (text.includes(between)) return 'false';
  const pattern = param(`%${smallLetters(text).replaceAll(/[\\%_]/g, '\\$&')}%`, 'text');
  const found = (of: string) => {
    const marked =
      owner === null
        ? ''
        : ` and ${searchedTextOf(of)} like '%' || chr(1) || ${markOf(owner)} || chr(1) || '%'`;
    return `${searchedTextOf(of)} like ${pattern}${marked}`;
  };
  if (channels === 'DEVICE') return found('e');
  return `lower(e.id collate "C") like ${pattern} or coalesce(e.device_key, e.key) in (
    select d.key from enrollment d where d.device_key is null and ${found('d')})`;
}

function smallLetters(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}
