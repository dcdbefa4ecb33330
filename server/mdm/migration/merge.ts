import { type EnrollmentKind, isUserChannel } from '../../model/enrollment.ts';
import type { Keyring } from '../../secrets/keyring.ts';
import type { EnrollmentRow, PresentEnrollment } from '../../store/migration/enrollments.ts';
import { enrollmentPlace } from '../check-in/store-raw.ts';
import type { Association, EnrollmentSet, RawMessage } from './gather.ts';

/** What an enrolment is after an import, and which of the messages made it so. */
export interface Merged {
  readonly row: EnrollmentRow;
  readonly changed: boolean;
  readonly applied: readonly AppliedMessage[];
}

export interface AppliedMessage {
  readonly messageType: 'Authenticate' | 'TokenUpdate';
  readonly raw: Buffer;
  readonly at: Date | null;
}

/**
 * Joins what a file says of an enrolment with what is here.
 *
 * What the device itself has told this server wins, unless the record is from later: so an import that is
 * run again, or late, moves nothing backwards. A record without a time changes nothing of an enrolment
 * that was heard here. Among imports the newer time wins, and without times the later import.
 */
export function mergeEnrollment(
  set: EnrollmentSet,
  present: PresentEnrollment | null,
  given: { readonly kind: EnrollmentKind; readonly tenantId: number; readonly at: Date },
  keyring: Keyring,
): Merged {
  const { kind } = given;
  const user = isUserChannel(kind);
  const before: EnrollmentRow = present ?? newRow(set.id, given);
  // Somebody wants it to leave: that is not undone by what it was elsewhere.
  const leaving = present?.disabledReason?.startsWith('UNENROLL') === true;
  const heardAt = present?.heardAt ?? null;
  const allowed = (at: Date | null, other: Date | null = null): boolean =>
    !leaving &&
    (heardAt === null || (at !== null && at > heardAt)) &&
    (at === null || other === null || at >= other);

  const applied: AppliedMessage[] = [];
  let row: EnrollmentRow = before;
  /** Puts a secret in, unless the same is there: sealed again, it would look like another. */
  const sealed = (
    column: 'push_magic' | 'unlock_token' | 'bootstrap_token',
    now: Buffer | null,
    value: Buffer | null,
  ): Buffer | null => {
    if (value === null) return null;
    const place = enrollmentPlace(column, set.id);
    return now !== null && keyring.open(place, now).equals(value)
      ? now
      : keyring.seal(place, value);
  };

  const { authenticate, tokenUpdate, bootstrapToken, unlockToken, disabled, timestamps } = set;
  if (authenticate !== null && allowed(authenticate.at, before.authenticatedAt)) {
    const { message } = authenticate.value;
    const next: EnrollmentRow = {
      ...row,
      topic: message.topic ?? row.topic,
      serialNumber: message.serialNumber ?? row.serialNumber,
      deviceName: message.deviceName ?? row.deviceName,
      model: message.model ?? row.model,
      modelName: message.modelName ?? row.modelName,
      productName: message.productName ?? row.productName,
      osVersion: message.osVersion ?? row.osVersion,
      buildVersion: message.buildVersion ?? row.buildVersion,
      imei: message.imei ?? row.imei,
      meid: message.meid ?? row.meid,
      authenticatedAt: authenticate.at ?? row.authenticatedAt,
    };
    if (present === null || differs(next, row))
      applied.push(messageIn('Authenticate', authenticate));
    row = next;
  }
  const isCurrent = tokenUpdate !== null && allowed(tokenUpdate.at, before.tokenUpdatedAt);
  if (isCurrent) {
    const { message } = tokenUpdate.value;
    const { userId, enrollmentUserId } = message;
    const next: EnrollmentRow = {
      ...row,
      topic: message.topic,
      pushToken: message.token,
      pushMagic: sealed('push_magic', row.pushMagic, Buffer.from(message.pushMagic)),
      unlockToken:
        user || message.unlockToken === undefined
          ? row.unlockToken
          : sealed('unlock_token', row.unlockToken, message.unlockToken),
      awaitingConfiguration: message.awaitingConfiguration ?? null,
      userId: user ? (userId ?? enrollmentUserId ?? row.userId) : row.userId,
      userShortName: message.userShortName ?? row.userShortName,
      userLongName: message.userLongName ?? row.userLongName,
      enabled: true,
      disabledReason: null,
      tokenUpdatedAt: tokenUpdate.at ?? row.tokenUpdatedAt,
      enrolledAt: row.enrolledAt ?? authenticate?.at ?? tokenUpdate.at ?? given.at,
      tokenUpdateTally: Math.max(row.tokenUpdateTally, 1),
    };
    if (present === null || differs(next, row)) applied.push(messageIn('TokenUpdate', tokenUpdate));
    row = next;
  }
  if (!user) {
    if (unlockToken !== null && allowed(unlockToken.at)) {
      row = { ...row, unlockToken: sealed('unlock_token', row.unlockToken, unlockToken.value) };
    }
    if (bootstrapToken !== null && allowed(bootstrapToken.at)) {
      const { value } = bootstrapToken;
      row = { ...row, bootstrapToken: sealed('bootstrap_token', row.bootstrapToken, value) };
    }
    const current = currentOf([...set.associations.values()]);
    if (current !== null && (row.certHash === null ? !leaving : allowed(current.at))) {
      row = {
        ...row,
        certHash: row.certHash?.equals(current.sha256) ? row.certHash : current.sha256,
      };
    }
  }
  if (timestamps !== null) {
    const { createdAt, enrolledAt } = timestamps.value;
    row = {
      ...row,
      createdAt: createdAt && createdAt.date < row.createdAt ? createdAt.date : row.createdAt,
      enrolledAt: enrolledAt && allowed(null) ? enrolledAt.date : row.enrolledAt,
    };
  }
  if (set.tally !== null && allowed(null)) row = { ...row, tokenUpdateTally: set.tally.value };
  // What the same file says after its token update stands; otherwise the newer of the two does.
  if (disabled !== null && allowed(disabled.at, isCurrent ? null : before.tokenUpdatedAt)) {
    const reason = disabled.value ?? leftBy(row);
    row = {
      ...row,
      enabled: false,
      disabledReason: reason,
      checkedOutAt: reason === 'CHECKED_OUT' ? (disabled.at ?? row.checkedOutAt) : row.checkedOutAt,
    };
  }
  return { row, changed: present === null || differs(row, before), applied };
}

function newRow(
  id: string,
  {
    kind,
    tenantId,
    at,
  }: { readonly kind: EnrollmentKind; readonly tenantId: number; readonly at: Date },
): EnrollmentRow {
  return {
    id,
    tenantId,
    kind,
    userId: null,
    userShortName: null,
    userLongName: null,
    serialNumber: null,
    deviceName: null,
    model: null,
    modelName: null,
    productName: null,
    osVersion: null,
    buildVersion: null,
    imei: null,
    meid: null,
    topic: null,
    pushToken: null,
    pushMagic: null,
    unlockToken: null,
    bootstrapToken: null,
    enabled: false,
    disabledReason: 'AWAITING_TOKEN_UPDATE',
    awaitingConfiguration: null,
    tokenUpdateTally: 0,
    certHash: null,
    authenticatedAt: null,
    tokenUpdatedAt: null,
    enrolledAt: null,
    checkedOutAt: null,
    createdAt: at,
  };
}

/** The one that says it is, else the newest, else the last. */
function currentOf(associations: readonly Association[]): Association | null {
  const flagged = associations.filter((one) => one.flagged);
  return (flagged.length > 0 ? flagged : associations).reduce<Association | null>(
    (best, one) =>
      best !== null && (best.at?.getTime() ?? 0) > (one.at?.getTime() ?? 0) ? best : one,
    null,
  );
}

/** Why a server elsewhere may have disabled it: NanoMDM doesn't say. */
function leftBy({ authenticatedAt, tokenUpdatedAt, pushToken }: EnrollmentRow): string {
  if (pushToken === null) return 'AWAITING_TOKEN_UPDATE';
  return authenticatedAt !== null && tokenUpdatedAt !== null && authenticatedAt > tokenUpdatedAt
    ? 'RE_ENROLLING'
    : 'CHECKED_OUT';
}

function messageIn(
  messageType: AppliedMessage['messageType'],
  { value, at }: { readonly value: RawMessage<unknown>; readonly at: Date | null },
): AppliedMessage {
  return { messageType, raw: value.raw, at };
}

function differs(a: EnrollmentRow, b: EnrollmentRow): boolean {
  return Object.keys(a).some((name) => !sameValue(valueOf(a, name), valueOf(b, name)));
}

function valueOf(row: EnrollmentRow, name: string): unknown {
  return Object.entries(row).find(([one]) => one === name)?.[1];
}

function sameValue(a: unknown, b: unknown): boolean {
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  if (Buffer.isBuffer(a) && Buffer.isBuffer(b)) return a.equals(b);
  return a === b;
}
