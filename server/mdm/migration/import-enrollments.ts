import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import { type EnrollmentKind, isUserChannel } from '../../model/enrollment.ts';
import { defaultTenant } from '../../model/viewer.ts';
import { formatName } from '../../protocol/cms/name.ts';
import type { Keyring } from '../../secrets/keyring.ts';
import {
  bindMigrated,
  type MigratedCertificate,
  ownersOfCertificates,
} from '../../store/migration/certificates.ts';
import { findCommands, queueMigrated, type MigratedEntry } from '../../store/migration/commands.ts';
import {
  insertEnrollments,
  keepCheckIns,
  lockEnrollments,
  type MigratedCheckIn,
  noteSeen,
  type PresentEnrollment,
  tellMigrated,
  updateEnrollments,
} from '../../store/migration/enrollments.ts';
import { tenantsOfTopics } from '../../store/migration/tenants.ts';
import { checkInPlace } from '../check-in/store-raw.ts';
import type { EnrollmentSet, LineError } from './gather.ts';
import { dateOf } from './gather.ts';
import { type Merged, mergeEnrollment } from './merge.ts';
import type { ImportRun } from './run.ts';

/** A set that comes in, with what it makes of the enrolment. */
interface Accepted extends Merged {
  readonly set: EnrollmentSet;
  readonly present: PresentEnrollment | null;
  /** The id of its device; null for a device. */
  readonly deviceId: string | null;
}

/** What an import did to enrolments, by id. */
export interface ImportedEnrollments {
  readonly errors: readonly LineError[];
  readonly keys: ReadonlyMap<string, string>;
}

/**
 * Brings enrolments in, all records of one together or none: set-based, in the caller's transaction.
 * @param heldBack  ids of which a record is bad, and the line of it
 * @throws {Overtaken} a device was faster; the transaction has to begin again
 */
export async function importEnrollments(
  { keyring }: { readonly keyring: Keyring },
  client: PoolClient,
  sets: ReadonlyMap<string, EnrollmentSet>,
  heldBack: ReadonlyMap<string, number>,
  run: ImportRun,
): Promise<ImportedEnrollments> {
  const errors: LineError[] = [];
  const accepted = new Map<string, Accepted>();
  const present = await lockEnrollments(client, idsOf(sets));
  const owners = await ownersOfCertificates(client, hashesOf(sets));
  const tenants = await tenantsOf(client, sets, run);
  const claimed = new Map<string, string>();

  const refuse = (set: EnrollmentSet, code: string, message: string): void => {
    for (const line of set.lines) errors.push({ line, code, message, subject: set.id });
  };

  const accept = (set: EnrollmentSet, kind: EnrollmentKind, deviceId: string | null): void => {
    const here = present.get(set.id) ?? null;
    const tenantId = here?.tenantId ?? tenants(set);
    const merged = mergeEnrollment(set, here, { kind, tenantId, at: run.at }, keyring);
    accepted.set(set.id, { ...merged, set, present: here, deviceId });
  };

  for (const set of sets.values()) if (!isUser(set, present)) judgeDevice(set);
  for (const set of sets.values()) if (isUser(set, present)) judgeUser(set);
  const keys = await write();
  await queue(keys);
  return { errors, keys };

  function judgeDevice(set: EnrollmentSet): void {
    const here = present.get(set.id) ?? null;
    const badLine = heldBack.get(set.id);
    if (badLine !== undefined) {
      return refuse(set, 'ENROLLMENT_HELD_BACK', heldBackBy(badLine));
    }
    if (here !== null && here.deviceKey !== null) {
      return refuse(set, 'NOT_A_DEVICE', 'This is the id of a user channel here.');
    }
    if (here !== null && run.tenantId !== null && here.tenantId !== run.tenantId) {
      return refuse(set, 'ENROLLMENT_UNAVAILABLE', 'This enrolment cannot be imported here.');
    }
    if (here === null && set.authenticate === null) {
      return set.tokenUpdate === null
        ? refuse(set, 'UNKNOWN_ENROLLMENT', 'Neither file nor server has this enrolment.')
        : refuse(
            set,
            'MISSING_AUTHENTICATE',
            'A TokenUpdate of a device whose Authenticate neither file nor server has.',
          );
    }
    for (const hash of set.associations.keys()) {
      const owner = owners.get(hash) ?? claimed.get(hash);
      if (owner !== undefined && owner !== set.id) {
        return refuse(set, 'CERTIFICATE_TAKEN', `Certificate ${hash} is another device's.`);
      }
    }
    for (const hash of set.associations.keys()) claimed.set(hash, set.id);
    accept(set, here?.kind ?? set.identity?.kind ?? 'DEVICE', null);
  }

  function judgeUser(set: EnrollmentSet): void {
    const here = present.get(set.id) ?? null;
    const badLine = heldBack.get(set.id);
    if (badLine !== undefined) {
      return refuse(set, 'ENROLLMENT_HELD_BACK', heldBackBy(badLine));
    }
    // Its records may name no device by which to tell.
    if (here !== null && run.tenantId !== null && here.tenantId !== run.tenantId) {
      return refuse(set, 'ENROLLMENT_UNAVAILABLE', 'This enrolment cannot be imported here.');
    }
    if (set.authenticate !== null) {
      return refuse(set, 'NOT_ITS_CHANNEL', 'The same id names a device and a user of another.');
    }
    const deviceId = set.identity?.deviceId ?? null;
    if (deviceId === null) return accept(set, here?.kind ?? 'USER', null);
    const device = present.get(deviceId);
    if (device === undefined && !accepted.has(deviceId)) {
      return refuse(
        set,
        'DEVICE_NOT_IMPORTED',
        `Its device, ${deviceId}, is not here, and does not come in with this file.`,
      );
    }
    if (device !== undefined && run.tenantId !== null && device.tenantId !== run.tenantId) {
      return refuse(set, 'ENROLLMENT_UNAVAILABLE', 'This enrolment cannot be imported here.');
    }
    if (
      (device !== undefined && device.deviceKey !== null) ||
      (here !== null && here.deviceKey !== device?.key)
    ) {
      return refuse(set, 'NOT_ITS_CHANNEL', `${set.id} is no channel of the device it names.`);
    }
    // Of who only asked to be let in nothing is an enrolment yet; it is kept with the device.
    if (here === null && set.tokenUpdate === null) {
      if (set.userAuthenticates.length === set.lines.size) return;
      return refuse(set, 'UNKNOWN_ENROLLMENT', 'Neither file nor server has this enrolment.');
    }
    accept(set, here?.kind ?? set.identity?.kind ?? 'USER', deviceId);
  }

  async function write(): Promise<ReadonlyMap<string, string>> {
    const keys = new Map([...present].map(([id, { key }]) => [id, key]));
    const fresh = [...accepted.values()].filter((one) => one.present === null);
    for (const users of [false, true]) {
      const rows = fresh.filter(({ row }) => isUserChannel(row.kind) === users);
      const made = await insertEnrollments(
        client,
        rows.map(({ row }) => row),
        rows.map(({ deviceId }) => (deviceId === null ? null : (keys.get(deviceId) ?? null))),
      );
      for (const [id, key] of made) keys.set(id, key);
    }
    const updated = [...accepted.values()].filter((one) => one.present !== null && one.changed);
    await updateEnrollments(
      client,
      updated.map(({ row }) => ({ ...row, key: keyIn(keys, row.id) })),
    );
    await bindMigrated(client, certificatesOf(keys), run.at);
    await noteSeen(
      client,
      [...accepted.values()].flatMap(({ set }) => {
        const at = dateOf(set.timestamps?.value.lastSeenAt);
        return at === null ? [] : [{ key: keyIn(keys, set.id), at }];
      }),
    );
    await keepCheckIns(client, checkInsOf(keys), run.traceId);
    await tellMigrated(client, {
      ...run,
      enrollments: [...fresh, ...updated].map(({ row, present: here }) => ({
        key: keyIn(keys, row.id),
        isNew: here === null,
      })),
    });
    return keys;
  }

  function certificatesOf(keys: ReadonlyMap<string, string>): MigratedCertificate[] {
    return [...accepted.values()].flatMap(({ set, row }) =>
      isUserChannel(row.kind)
        ? []
        : [...set.associations.values()].map(({ sha256, certificate, at }) => ({
            sha256,
            deviceKey: keyIn(keys, set.id),
            subject: certificate === null ? null : formatName(certificate.subjectDer),
            issuer: certificate === null ? null : formatName(certificate.issuerDer),
            serial: certificate?.serial.toString('hex').replace(/^00(?=.)/, '') ?? null,
            notBefore: certificate?.notBefore ?? null,
            notAfter: certificate?.notAfter ?? null,
            der: certificate?.der ?? null,
            boundAt: at ?? run.at,
            current: row.certHash?.equals(sha256) === true,
          })),
    );
  }

  function checkInsOf(keys: ReadonlyMap<string, string>): MigratedCheckIn[] {
    const kept = (key: string, messageType: string, raw: Buffer, at: Date | null) => {
      const id = randomUUID();
      const sealed = keyring.seal(checkInPlace(id), raw);
      return { id, enrollmentKey: key, messageType, raw: sealed, receivedAt: at ?? run.at };
    };
    const messages = [...accepted.values()].flatMap(({ set, applied }) =>
      applied.map(({ messageType, raw, at }) => kept(keyIn(keys, set.id), messageType, raw, at)),
    );
    const changed = (id: string | undefined) =>
      id !== undefined && accepted.get(id)?.changed === true;
    const asked = [...sets.values()].flatMap((set) => {
      const deviceId = set.identity?.deviceId;
      const holder = accepted.has(set.id) ? set.id : deviceId;
      // What is imported again is not kept again.
      if (heldBack.has(set.id) || !changed(holder) || holder === undefined) return [];
      return set.userAuthenticates.map(({ value, at }) =>
        kept(keyIn(keys, holder), 'UserAuthenticate', value.raw, at),
      );
    });
    return [...messages, ...asked];
  }

  async function queue(keys: ReadonlyMap<string, string>): Promise<void> {
    const wanted = [...accepted.values()].flatMap(({ set }) => [...set.queue.keys()]);
    const uuids = [...new Set(wanted)];
    const byTenant = new Map<number, Accepted[]>();
    for (const one of accepted.values()) {
      if (one.set.queue.size === 0) continue;
      byTenant.set(one.row.tenantId, [...(byTenant.get(one.row.tenantId) ?? []), one]);
    }
    for (const [tenantId, ones] of byTenant) {
      const commands = await findCommands(client, tenantId, uuids);
      const inFile = await run.commandsInFile(uuids.filter((uuid) => !commands.has(uuid)));
      const entries: MigratedEntry[] = [];
      for (const { set, row, present: here } of ones) {
        for (const [uuid, { line, value }] of set.queue) {
          const command = commands.get(uuid);
          if (!row.enabled) {
            const message = 'It is not enabled, so nothing waits for it.';
            errors.push({ line, code: 'NOT_ENABLED', message, subject: set.id });
          } else if (command === undefined) {
            if (inFile.has(uuid)) continue;
            const message = `Neither file nor server has the command ${uuid}.`;
            errors.push({ line, code: 'UNKNOWN_COMMAND', message, subject: set.id });
          } else if (!isOfFormerLife(here, dateOf(value.queuedAt))) {
            entries.push({
              enrollmentKey: keyIn(keys, set.id),
              commandKey: command.key,
              priority: value.priority ?? 0,
              notBefore: dateOf(value.notBefore),
              expiresAt: dateOf(value.expiresAt),
              notNowAt: dateOf(value.notNowAt),
              notNowTally: value.notNowTally ?? (value.notNowAt === undefined ? 0 : 1),
              firstSentAt: dateOf(value.firstSentAt),
              queuedAt: dateOf(value.queuedAt) ?? run.at,
            });
          }
        }
      }
      await queueMigrated(client, entries);
    }
  }
}

/** Whether a device has enrolled here since then: what waited for it before is not meant for it now. */
function isOfFormerLife(here: PresentEnrollment | null, queuedAt: Date | null): boolean {
  if (here?.heardAt == null || here.authenticatedAt === null || queuedAt === null) return false;
  return here.heardAt >= here.authenticatedAt && queuedAt < here.authenticatedAt;
}

function heldBackBy(line: number): string {
  return `Line ${line} is about this enrolment and is wrong, so nothing of it came in.`;
}

function keyIn(keys: ReadonlyMap<string, string>, id: string): string {
  const key = keys.get(id);
  if (key === undefined) throw new Error(`nothing was written for ${id}`);
  return key;
}

function isUser(set: EnrollmentSet, present: ReadonlyMap<string, PresentEnrollment>): boolean {
  if (set.identity !== null && set.authenticate === null) return isUserChannel(set.identity.kind);
  const here = present.get(set.id);
  return set.authenticate === null && here !== undefined && here.deviceKey !== null;
}

function idsOf(sets: ReadonlyMap<string, EnrollmentSet>): string[] {
  const devices = [...sets.values()].flatMap(({ identity }) => identity?.deviceId ?? []);
  return [...new Set([...sets.keys(), ...devices])];
}

function hashesOf(sets: ReadonlyMap<string, EnrollmentSet>): Buffer[] {
  return [...sets.values()].flatMap(({ associations }) =>
    [...associations.values()].map(({ sha256 }) => sha256),
  );
}

/** Says which tenant a new enrolment belongs to. */
async function tenantsOf(
  client: PoolClient,
  sets: ReadonlyMap<string, EnrollmentSet>,
  { tenantId }: ImportRun,
): Promise<(set: EnrollmentSet) => number> {
  if (tenantId !== null) return () => tenantId;
  const topicOf = (set: EnrollmentSet) => set.authenticate?.value.message.topic;
  const topics = [...sets.values()].flatMap((set) => topicOf(set) ?? []);
  const found = await tenantsOfTopics(client, topics);
  return (set) => found.get(topicOf(set) ?? '') ?? defaultTenant;
}
