import { sharedIpadUserId } from '../../protocol/messages/enrollment-id.ts';
import { readCheckIn } from '../../protocol/messages/check-in.ts';
import { buildPlist } from '../../protocol/plist/build.ts';
import type { PlistDict } from '../../protocol/plist/value.ts';
import type { Keyring } from '../../secrets/keyring.ts';
import type {
  ExportedCertificate,
  ExportedCommand,
  ExportedEnrollment,
  ExportedEntry,
  ExportedPushCertificate,
  ExportedResult,
  KeptMessage,
} from '../../store/export/read.ts';
import { checkInPlace, enrollmentPlace } from '../check-in/store-raw.ts';
import { pushKeyPlace } from '../push-certificates/identity.ts';
import { commandBodyPlace, resultPlace } from '../queue/deliver.ts';

/** All that is written of one enrolment. */
export interface ExportedSet {
  readonly enrollment: ExportedEnrollment;
  readonly messages: readonly KeptMessage[];
  readonly certificates: readonly ExportedCertificate[];
  readonly queue: readonly ExportedEntry[];
}

const base64 = (bytes: Buffer) => bytes.toString('base64');
const time = (at: Date | null) => at?.toISOString();
const known = ['CHECKED_OUT', 'RE_ENROLLING', 'AWAITING_TOKEN_UPDATE'];

/** The records of an enrolment. Members that are undefined are left out. */
export function enrollmentRecords(keyring: Keyring, set: ExportedSet): object[] {
  const { enrollment: e, messages, certificates, queue } = set;
  const { id: enrollment } = e;
  const records: object[] = [];
  const opened = (message: KeptMessage) => keyring.open(checkInPlace(message.id), message.raw);
  const last = (type: string) => messages.findLast(({ messageType }) => messageType === type);
  const token = (column: 'push_magic' | 'unlock_token' | 'bootstrap_token', sealed: Buffer) =>
    keyring.open(enrollmentPlace(column, enrollment), sealed);

  if (e.deviceId === null) {
    const sent = last('Authenticate');
    const raw = sent === undefined ? authenticateOf(e) : opened(sent);
    const at = time(e.authenticatedAt);
    records.push({ kind: 'authenticate', enrollment, raw: base64(raw), at });
  }
  if (e.pushToken !== null && e.pushMagic !== null) {
    const magic = token('push_magic', e.pushMagic).toString();
    const sent = last('TokenUpdate');
    const kept = sent === undefined ? null : opened(sent);
    const raw =
      kept !== null && saysSo(kept, e.pushToken, magic)
        ? kept
        : tokenUpdateOf(e, e.pushToken, magic);
    const at = time(e.tokenUpdatedAt);
    records.push({ kind: 'tokenUpdate', enrollment, raw: base64(raw), at });
  }
  for (const message of messages) {
    if (message.messageType !== 'UserAuthenticate') continue;
    const raw = opened(message);
    // A device keeps those of users that are no enrolment yet.
    const { id } = readCheckIn(raw).enrollment;
    const at = time(message.receivedAt);
    records.push({ kind: 'userAuthenticate', enrollment: id, raw: base64(raw), at });
  }
  for (const { sha256, der, boundAt } of certificates) {
    records.push({
      kind: 'certificateAssociation',
      enrollment,
      sha256: sha256.toString('hex'),
      certificate: der === null ? undefined : base64(der),
      current: e.certHash?.equals(sha256) === true ? true : undefined,
      at: time(boundAt),
    });
  }
  if (e.unlockToken !== null) {
    const secret = base64(token('unlock_token', e.unlockToken));
    records.push({ kind: 'unlockToken', enrollment, token: secret });
  }
  if (e.bootstrapToken !== null) {
    const secret = base64(token('bootstrap_token', e.bootstrapToken));
    records.push({ kind: 'bootstrapToken', enrollment, token: secret });
  }
  records.push(
    { kind: 'tally', enrollment, tokenUpdateTally: e.tokenUpdateTally },
    {
      kind: 'timestamps',
      enrollment,
      createdAt: time(e.createdAt),
      enrolledAt: time(e.enrolledAt),
      lastSeenAt: time(e.lastSeenAt),
    },
  );
  if (!e.enabled) {
    const reason = known.find((one) => one === e.disabledReason);
    // It may have gone once before it came back.
    const since = reason === 'CHECKED_OUT' ? e.checkedOutAt : e.authenticatedAt;
    const at = reason === undefined ? undefined : time(since);
    records.push({ kind: 'disabled', enrollment, reason, at });
  }
  for (const entry of queue) {
    records.push({
      kind: 'queueEntry',
      enrollment,
      commandUuid: entry.commandUuid,
      priority: entry.urgency === 0 ? undefined : -entry.urgency,
      notBefore: time(entry.notBefore),
      expiresAt: time(entry.expiresAt),
      queuedAt: time(entry.queuedAt),
      firstSentAt: time(entry.firstSentAt),
      notNowAt: time(entry.notNowAt),
      notNowTally: entry.notNowTally === 0 ? undefined : entry.notNowTally,
    });
  }
  return records;
}

/** The record of a command. */
export function commandRecord(keyring: Keyring, command: ExportedCommand): object {
  const { uuid: commandUuid, tenantId, requestType, createdAt } = command;
  const body = command.bodySealed
    ? keyring.open(commandBodyPlace(tenantId, commandUuid), command.body)
    : command.body;
  return {
    kind: 'command',
    commandUuid,
    requestType,
    body: base64(body),
    createdAt: time(createdAt),
  };
}

/** The record of a result. */
export function resultRecord(keyring: Keyring, row: ExportedResult): object {
  const { enrollmentId: enrollment, commandUuid } = row;
  return {
    kind: 'result',
    enrollment,
    commandUuid,
    status: row.status ?? undefined,
    result:
      row.result === null
        ? undefined
        : base64(keyring.open(resultPlace(enrollment, commandUuid), row.result)),
    ended: row.ended === 'ANSWERED' ? undefined : row.ended,
    endedAt: time(row.endedAt),
    answeredAt: time(row.answeredAt),
    queuedAt: time(row.queuedAt),
    firstSentAt: time(row.firstSentAt),
    notNowAt: time(row.notNowAt),
    notNowTally: row.notNowTally === 0 ? undefined : row.notNowTally,
  };
}

/** The record of a push certificate. */
export function pushCertificateRecord(keyring: Keyring, row: ExportedPushCertificate): object {
  const { topic, certificate } = row;
  const key = keyring.open(pushKeyPlace(topic), row.key).toString();
  return { kind: 'pushCertificate', certificate, key };
}

/** Whether a TokenUpdate is the one that push data come from. */
function saysSo(raw: Buffer, pushToken: Buffer, magic: string): boolean {
  const message = readCheckIn(raw);
  return (
    message.messageType === 'TokenUpdate' &&
    message.token.equals(pushToken) &&
    message.pushMagic === magic
  );
}

/** What names an enrolment in its messages. */
function identifiers(e: ExportedEnrollment): PlistDict {
  const device = e.deviceId ?? e.id;
  const names: PlistDict = {
    ...(e.userShortName !== null && { UserShortName: e.userShortName }),
    ...(e.userLongName !== null && { UserLongName: e.userLongName }),
  };
  const user = e.userId ?? e.id.slice(device.length + 1);
  switch (e.kind) {
    case 'DEVICE':
      return { UDID: device };
    case 'USER':
      return { UDID: device, UserID: user, ...names };
    case 'SHARED_IPAD':
      return {
        UDID: device,
        UserID: sharedIpadUserId,
        ...names,
        UserShortName: e.id.slice(device.length + 1),
      };
    case 'USER_ENROLLMENT_DEVICE':
      return { EnrollmentID: device };
    case 'USER_ENROLLMENT':
      return { EnrollmentID: device, EnrollmentUserID: user, ...names };
  }
}

/** An Authenticate in place of one that is no longer kept. */
function authenticateOf(e: ExportedEnrollment): Buffer {
  const facts = {
    Topic: e.topic,
    SerialNumber: e.serialNumber,
    DeviceName: e.deviceName,
    Model: e.model,
    ModelName: e.modelName,
    ProductName: e.productName,
    OSVersion: e.osVersion,
    BuildVersion: e.buildVersion,
    IMEI: e.imei,
    MEID: e.meid,
  };
  const told = Object.entries(facts).flatMap(([key, value]) =>
    value === null ? [] : [[key, value] as const],
  );
  return buildPlist({
    MessageType: 'Authenticate',
    ...identifiers(e),
    ...Object.fromEntries(told),
  });
}

/** A TokenUpdate in place of one that is no longer kept. */
function tokenUpdateOf(e: ExportedEnrollment, token: Buffer, magic: string): Buffer {
  return buildPlist({
    MessageType: 'TokenUpdate',
    ...identifiers(e),
    ...(e.awaitingConfiguration !== null && { AwaitingConfiguration: e.awaitingConfiguration }),
    Topic: e.topic ?? '',
    Token: token,
    PushMagic: magic,
  });
}
