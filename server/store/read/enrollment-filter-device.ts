import type { Channels, EnrollmentFilter } from '../../model/targets.ts';
import {
  certificateEndOf,
  deviceNameOf,
  osVersionNumber,
  osVersionOf,
  serialNumberOf,
} from './enrollment-columns.ts';

/** Takes a value and answers its placeholder. */
export type Param = (value: unknown, type: string) => string;

/**
 * A text of one column is among these. Where it is one text only, the condition also says so of the text's
 * beginning, which is what the index has.
 */
export function oneOf(column: string, list: readonly string[], param: Param): string {
  if (list.length !== 1) return `${column} = any(${param(list, 'text[]')})`;
  const value = param(list[0], 'text');
  return `${column} = ${value} and left(${column}, 100) = left(${value}, 100)`;
}

/** The members of a filter about what devices have and their users' channels have not. */
export function deviceConditions(
  filter: EnrollmentFilter,
  { channels }: { readonly channels: Channels },
  param: Param,
): string[] {
  const ofDevice = (condition: (of: string) => string) =>
    channels === 'DEVICE'
      ? condition('e')
      : `exists (select 1 from enrollment d
          where d.key = coalesce(e.device_key, e.key) and ${condition('d')})`;
  const conditions: string[] = [];
  const { serialNumbers, models, osVersion, certificateExpiresBefore, search } = filter;
  if (serialNumbers) {
    const list = param(serialNumbers, 'text[]');
    conditions.push(ofDevice((of) => `${of}.serial_number = any(${list})`));
  }
  if (models) conditions.push(ofDevice((of) => `(${oneOf(`${of}.model`, models, param)})`));
  if (osVersion) {
    const { atLeast, below } = osVersion;
    const from = param(osVersionNumber(atLeast ?? '0'), 'bigint');
    const to = below === undefined ? null : param(osVersionNumber(below), 'bigint');
    conditions.push(
      ofDevice((of) => {
        const version = osVersionOf(of);
        return `${version} >= ${from}${to === null ? '' : ` and ${version} < ${to}`}`;
      }),
    );
  }
  if (certificateExpiresBefore !== undefined) {
    const end = param(certificateExpiresBefore, 'timestamptz');
    conditions.push(
      ofDevice(
        (of) => `${certificateEndOf(of)} < ${end} and ${certificateEndOf(of)} > to_timestamp(0)`,
      ),
    );
  }
  if (search !== undefined) conditions.push(`(${searched(search, ofDevice, param)})`);
  return conditions;
}

/** Ids and serial numbers are found in capitals too; names in any letters, as far as they are ASCII. */
function searched(
  text: string,
  ofDevice: (condition: (of: string) => string) => string,
  param: Param,
): string {
  const spellings = [...new Set([text, text.toUpperCase()])];
  const small = text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
  return [
    ...spellings.map((one) => begins('e.id', one, param)),
    ofDevice(
      (of) =>
        `(${[
          ...spellings.map((one) => begins(serialNumberOf(of), one, param)),
          begins(deviceNameOf(of), small, param),
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
