import type { Channels, EnrollmentFilter } from '../../model/targets.ts';
import { certificateEndOf, osVersionNumber, osVersionOf } from './enrollment-columns.ts';
import { searchConditions } from './enrollment-search.ts';

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
  scope: { readonly channels: Channels; readonly owner: string | null },
  param: Param,
): string[] {
  const ofDevice = (condition: (of: string) => string) =>
    scope.channels === 'DEVICE'
      ? condition('e')
      : `exists (select 1 from enrollment d
          where d.key = coalesce(e.device_key, e.key) and ${condition('d')})`;
  const conditions: string[] = [];
  const { serialNumbers, models, osVersion, certificateExpiresBefore } = filter;
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
  conditions.push(...searchConditions(filter, scope, ofDevice, param));
  return conditions;
}
