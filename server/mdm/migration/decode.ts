import { createHash } from 'node:crypto';
import { isUserChannel } from '../../model/enrollment.ts';
import { UserError } from '../../model/errors.ts';
import { Refusal } from '../../model/refusal.ts';
import { readCertificates, readPemPair } from '../../pki/key-pair.ts';
import type { Certificate } from '../../protocol/cms/certificate.ts';
import {
  type Authenticate,
  type CheckIn,
  readCheckIn,
  type SetBootstrapToken,
  type TokenUpdate,
  type UserAuthenticate,
} from '../../protocol/messages/check-in.ts';
import { readCommand } from '../../protocol/messages/command.ts';
import { readReport } from '../../protocol/messages/report.ts';
import type { PlistDict } from '../../protocol/plist/value.ts';
import {
  type CheckedPushCertificate,
  checkPushCertificate,
} from '../push-certificates/check-certificate.ts';
import {
  isRecordId,
  isRecordKind,
  type MigrationRecord,
  readRecord,
  type RecordKind,
  type RecordOf,
} from './records.ts';

/** What is wrong with one record. It fails; the others come in. */
export class RecordProblem extends Error {
  override readonly name = 'RecordProblem';
  /** Stable, upper-case word that programs switch on. */
  readonly code: string;
  /** Which enrolment it was about, as far as that can be told. */
  readonly enrollment: string | null;
  readonly kind: RecordKind | null;

  constructor(
    code: string,
    message: string,
    about: { readonly enrollment?: string | null; readonly kind?: RecordKind | null } = {},
  ) {
    super(shown(message));
    this.code = code;
    this.enrollment = about.enrollment ?? null;
    this.kind = about.kind ?? null;
  }
}

/** A message may quote the file, in which anything stands: no text of a database has a NUL. */
function shown(message: string): string {
  return message.slice(0, longestMessage).replaceAll(/[\p{Cc}\p{Cs}]/gu, '\ufffd');
}

const longestMessage = 500;

/** A record with what was read out of it. */
export type Decoded =
  | {
      readonly kind: 'authenticate';
      readonly record: RecordOf<'authenticate'>;
      readonly message: Authenticate;
    }
  | {
      readonly kind: 'tokenUpdate';
      readonly record: RecordOf<'tokenUpdate'>;
      readonly message: TokenUpdate;
    }
  | {
      readonly kind: 'userAuthenticate';
      readonly record: RecordOf<'userAuthenticate'>;
      readonly message: UserAuthenticate;
    }
  | {
      readonly kind: 'setBootstrapToken';
      readonly record: RecordOf<'setBootstrapToken'>;
      readonly message: SetBootstrapToken;
    }
  | {
      readonly kind: 'certificateAssociation';
      readonly record: RecordOf<'certificateAssociation'>;
      readonly certificate: Certificate | null;
    }
  | {
      readonly kind: 'command';
      readonly record: RecordOf<'command'>;
      readonly requestType: string;
      readonly command: PlistDict;
    }
  | {
      readonly kind: 'pushCertificate';
      readonly record: RecordOf<'pushCertificate'>;
      readonly checked: CheckedPushCertificate;
    }
  | {
      [Kind in Plain]: { readonly kind: Kind; readonly record: RecordOf<Kind> };
    }[Plain];

type Plain =
  | 'unlockToken'
  | 'bootstrapToken'
  | 'tally'
  | 'timestamps'
  | 'disabled'
  | 'queueEntry'
  | 'result';

/** Kinds whose record is a check-in message, and the message's own name. */
const messageTypes = {
  authenticate: 'Authenticate',
  tokenUpdate: 'TokenUpdate',
  userAuthenticate: 'UserAuthenticate',
  setBootstrapToken: 'SetBootstrapToken',
} as const;

/**
 * Reads a line of a migration file.
 * @param now  for the checks of certificates
 * @throws {RecordProblem} what is wrong with it
 */
export function decodeLine(line: Buffer, now: Date): Decoded {
  const text = line.toString('utf8');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new RecordProblem(
      'NOT_JSON',
      'The line is not a JSON object, or was cut.',
      salvaged(text),
    );
  }
  const read = readRecord(json);
  if (!read.success) throw badRecord(json, read.error.issues[0]);
  return decode(read.data, now);
}

function decode(record: MigrationRecord, now: Date): Decoded {
  const about = { kind: record.kind, enrollment: enrollmentIn(record) };
  try {
    return decoded(record, now);
  } catch (error) {
    if (error instanceof RecordProblem) throw new RecordProblem(error.code, error.message, about);
    if (error instanceof Refusal) {
      const code = error.code.toUpperCase().replaceAll('-', '_');
      throw new RecordProblem(code, error.message, about);
    }
    if (error instanceof UserError) throw new RecordProblem(error.code, error.message, about);
    throw error;
  }
}

function decoded(record: MigrationRecord, now: Date): Decoded {
  switch (record.kind) {
    case 'authenticate': {
      const message = messageOf(record, messageTypes.authenticate);
      if (isUserChannel(message.enrollment.kind)) {
        throw new RecordProblem(
          'AUTHENTICATE_ON_USER_CHANNEL',
          'An Authenticate of a user channel: only devices authenticate. Leave it out.',
        );
      }
      return { kind: 'authenticate', record, message };
    }
    case 'tokenUpdate':
      return { kind: 'tokenUpdate', record, message: messageOf(record, messageTypes.tokenUpdate) };
    case 'userAuthenticate': {
      const message = messageOf(record, messageTypes.userAuthenticate);
      if (!isUserChannel(message.enrollment.kind)) {
        throw new RecordProblem('NO_USER', 'The UserAuthenticate names no user.');
      }
      return { kind: 'userAuthenticate', record, message };
    }
    case 'setBootstrapToken':
      return {
        kind: 'setBootstrapToken',
        record,
        message: messageOf(record, messageTypes.setBootstrapToken),
      };
    case 'certificateAssociation':
      return { kind: 'certificateAssociation', record, certificate: certificateOf(record) };
    case 'command': {
      const { commandUuid, requestType, value } = readCommand(record.body, ['body']);
      if (commandUuid !== record.commandUuid) {
        throw new RecordProblem('COMMAND_MISMATCH', `The body's CommandUUID is ${commandUuid}.`);
      }
      if (record.requestType !== undefined && record.requestType !== requestType) {
        throw new RecordProblem('COMMAND_MISMATCH', `The body's RequestType is ${requestType}.`);
      }
      return { kind: 'command', record, requestType, command: value };
    }
    case 'pushCertificate': {
      const pair = readPemPair(`${record.certificate}\n${record.key}`, null, []);
      return {
        kind: 'pushCertificate',
        record,
        checked: checkPushCertificate(pair, { now, force: true }, []),
      };
    }
    case 'result':
      checkResult(record);
      return { kind: 'result', record };
    case 'unlockToken':
      return { kind: 'unlockToken', record };
    case 'bootstrapToken':
      return { kind: 'bootstrapToken', record };
    case 'tally':
      return { kind: 'tally', record };
    case 'timestamps':
      return { kind: 'timestamps', record };
    case 'disabled':
      return { kind: 'disabled', record };
    case 'queueEntry':
      return { kind: 'queueEntry', record };
  }
}

function messageOf<Type extends (typeof messageTypes)[keyof typeof messageTypes]>(
  record: { readonly raw: Buffer; readonly enrollment?: string | undefined },
  type: Type,
): Extract<CheckIn, { messageType: Type }> {
  const message = readCheckIn(record.raw);
  const { id } = message.enrollment;
  if (!isOfType(message, type)) {
    throw new RecordProblem(
      'WRONG_MESSAGE',
      `The message is a ${message.messageType}, no ${type}.`,
    );
  }
  if (record.enrollment !== undefined && record.enrollment !== id) {
    throw new RecordProblem('ENROLLMENT_MISMATCH', `The message is of the enrolment ${id}.`);
  }
  return message;
}

function isOfType<Type extends CheckIn['messageType']>(
  message: CheckIn,
  type: Type,
): message is Extract<CheckIn, { messageType: Type }> {
  return message.messageType === type;
}

function certificateOf({ certificate, sha256 }: RecordOf<'certificateAssociation'>) {
  if (certificate === undefined) return null;
  const [found] = readCertificates(certificate, []);
  if (found === undefined || !createHash('sha256').update(found.der).digest().equals(sha256)) {
    throw new RecordProblem('CERTIFICATE_MISMATCH', 'The certificate has another SHA-256.');
  }
  return found;
}

function checkResult({ status, ended, enrollment, commandUuid, result }: RecordOf<'result'>): void {
  if (status === 'NotNow') {
    throw new RecordProblem(
      'NOT_NOW_IS_QUEUED',
      'A command that was put off still waits: write a queueEntry with notNowAt.',
    );
  }
  if (status === undefined && (ended === undefined || ended === 'ANSWERED')) {
    throw new RecordProblem('NO_STATUS', 'A result has the status that the device answered.');
  }
  if (result === undefined) return;
  const report = readReport(result);
  if (report.enrollment.id !== enrollment) {
    throw new RecordProblem(
      'ENROLLMENT_MISMATCH',
      `The result is of the enrolment ${report.enrollment.id}.`,
    );
  }
  if (report.commandUuid !== commandUuid) {
    throw new RecordProblem(
      'COMMAND_MISMATCH',
      `The result's CommandUUID is ${report.commandUuid}.`,
    );
  }
}

function enrollmentIn(record: MigrationRecord): string | null {
  return 'enrollment' in record ? (record.enrollment ?? null) : null;
}

function badRecord(
  json: unknown,
  issue: { readonly path: readonly PropertyKey[]; readonly message: string } | undefined,
): RecordProblem {
  const { kind, enrollment } = fieldsOf(json);
  const about = {
    kind: isRecordKind(kind) ? kind : null,
    enrollment: isRecordId(enrollment) ? enrollment : null,
  };
  if (about.kind === null) {
    return new RecordProblem('UNKNOWN_KIND', 'The line is no record of a known `kind`.', about);
  }
  const field = issue?.path.join('.') ?? '';
  const where = field === '' ? '' : `${field}: `;
  return new RecordProblem('BAD_RECORD', `${where}${issue?.message ?? 'wrong'}`, about);
}

function fieldsOf(json: unknown): { readonly kind?: unknown; readonly enrollment?: unknown } {
  return typeof json === 'object' && json !== null ? json : {};
}

/** What the beginning of a cut line still tells, when kind and enrolment are its first members. */
function salvaged(text: string): { kind: RecordKind | null; enrollment: string | null } {
  const [, kind, enrollment] =
    /^\s*\{\s*"kind"\s*:\s*"(\w+)"\s*,\s*"enrollment"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(
      text.slice(0, 2_048),
    ) ?? [];
  if (!isRecordKind(kind) || enrollment === undefined) return { kind: null, enrollment: null };
  try {
    const id: unknown = JSON.parse(enrollment);
    return { kind, enrollment: isRecordId(id) ? id : null };
  } catch {
    return { kind, enrollment: null };
  }
}
