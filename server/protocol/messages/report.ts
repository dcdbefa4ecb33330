import type { EnrollmentId } from '../../model/enrollment.ts';
import { Refusal } from '../../model/refusal.ts';
import { topLevelScan } from '../plist/scan.ts';
import type { PlistDict, PlistValue } from '../plist/value.ts';
import { isPlistDict } from '../plist/value.ts';
import { resolveEnrollmentId } from './enrollment-id.ts';
import { deviceLimits, messageDict, refusing } from './fields.ts';

/** What the hot path needs of a device's report. */
export interface Report {
  /** `Idle`, `Acknowledged`, `Error`, `CommandFormatError`, `NotNow`, or any other word, as sent. */
  readonly status: string;
  /** The command reported on; null exactly for `Idle`. */
  readonly commandUuid: string | null;
  readonly enrollment: EnrollmentId;
  readonly isIdle: boolean;
  readonly isNotNow: boolean;
}

/** One link of an ErrorChain; what is absent or of a wrong type is undefined. */
export interface ReportedError {
  readonly code: number | bigint | undefined;
  readonly domain: string | undefined;
  readonly localizedDescription: string | undefined;
  readonly usEnglishDescription: string | undefined;
}

/** A report with everything that it says. */
export interface DecodedReport extends Report {
  readonly errorChain: readonly ReportedError[];
  readonly dict: PlistDict;
}

const lengthLimit = 255;

const scan = topLevelScan(
  {
    Status: 'string',
    CommandUUID: 'string',
    UDID: 'string',
    UserID: 'string',
    UserShortName: 'string',
    UserLongName: 'string',
    EnrollmentID: 'string',
    EnrollmentUserID: 'string',
    ErrorChain: 'array',
  },
  deviceLimits,
);

/**
 * Reads what the hot path needs of a report, without building the rest of it.
 * @throws {Refusal} 400: not a property list, no Status, no CommandUUID (unless idle), one of them
 *   too long, no identifier, a field of these or ErrorChain of a wrong type
 */
export function readReport(body: Buffer): Report {
  const fields = refusing(() => scan(body));
  const status = fields.Status ?? '';
  if (status === '') throw new Refusal(400, 'missing-status', 'The report has no Status.');
  const isIdle = status === 'Idle';
  // A device that idles may repeat its last command; it says nothing about it.
  const commandUuid = isIdle ? null : (fields.CommandUUID ?? '');
  if (commandUuid === '') {
    throw new Refusal(400, 'missing-command-uuid', 'The report names no CommandUUID.');
  }
  if (tooLong(status) || (commandUuid !== null && tooLong(commandUuid))) {
    throw new Refusal(
      400,
      'field-too-long',
      'Status or CommandUUID is longer than 255 characters.',
    );
  }
  const enrollment = resolveEnrollmentId(fields);
  return { status, commandUuid, enrollment, isIdle, isNotNow: status === 'NotNow' };
}

/** Reads all of a report, off the hot path. @throws {Refusal} as `readReport` */
export function decodeReport(body: Buffer): DecodedReport {
  const report = readReport(body);
  const dict = messageDict(body);
  const chain = dict['ErrorChain'];
  return {
    ...report,
    errorChain: Array.isArray(chain) ? chain.filter(isPlistDict).map(link) : [],
    dict,
  };
}

function link(dict: PlistDict): ReportedError {
  const code = dict['ErrorCode'];
  return {
    code: typeof code === 'number' || typeof code === 'bigint' ? code : undefined,
    domain: text(dict['ErrorDomain']),
    localizedDescription: text(dict['LocalizedDescription']),
    usEnglishDescription: text(dict['USEnglishDescription']),
  };
}

function text(value: PlistValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function tooLong(value: string): boolean {
  return value.length > lengthLimit && Array.from(value).length > lengthLimit;
}
