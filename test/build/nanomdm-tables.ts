import { createHash } from 'node:crypto';
import { certificatePem } from '../../clients/simulator/identity.ts';
import type { Device } from '../../clients/simulator/device.ts';
import { buildCommand } from '../../server/protocol/messages/command.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';

/** Runs a statement, with `?` for its values, as PostgreSQL or MySQL take it. */
export type Execute = (sql: string, values?: readonly unknown[]) => Promise<unknown>;

/** The types that the two name differently. */
export interface ColumnTypes {
  readonly bytes: string;
  readonly text: string;
  readonly time: string;
  readonly yes: string;
}

export const postgresTypes: ColumnTypes = {
  bytes: 'bytea',
  text: 'text',
  time: 'timestamp',
  yes: 'boolean',
};

export const mysqlTypes: ColumnTypes = {
  bytes: 'mediumblob',
  text: 'mediumtext',
  time: 'timestamp(6) null',
  yes: 'tinyint(1)',
};

/** Makes tables with the columns that NanoMDM's have. */
export async function makeNanomdmTables(execute: Execute, types: ColumnTypes): Promise<void> {
  const { bytes, text, time, yes } = types;
  const own =
    `created_at ${time} default current_timestamp, updated_at ${time} default current_timestamp`.replaceAll(
      'timestamp(6) null default current_timestamp',
      'timestamp(6) null default current_timestamp(6)',
    );
  await execute(`create table devices (id varchar(255) primary key, identity_cert ${text},
    serial_number varchar(127), unlock_token ${bytes}, unlock_token_at ${time}, authenticate ${text} not null,
    authenticate_at ${time}, token_update ${text}, token_update_at ${time}, bootstrap_token_b64 ${text},
    bootstrap_token_at ${time}, ${own})`);
  await execute(`create table users (id varchar(255) primary key, device_id varchar(255) not null,
    user_short_name varchar(255), user_long_name varchar(255), token_update ${text}, token_update_at ${time},
    user_authenticate ${text}, user_authenticate_at ${time}, user_authenticate_digest ${text},
    user_authenticate_digest_at ${time}, ${own})`);
  await execute(`create table enrollments (id varchar(255) primary key, device_id varchar(255) not null,
    user_id varchar(255), type varchar(31) not null, topic varchar(255) not null,
    push_magic varchar(127) not null, token_hex varchar(255) not null, enabled ${yes} not null,
    token_update_tally int not null, last_seen_at ${time}, ${own})`);
  await execute(`create table commands (command_uuid varchar(127) primary key,
    request_type varchar(63) not null, command ${text} not null, ${own})`);
  await execute(`create table command_results (id varchar(255), command_uuid varchar(127),
    status varchar(31) not null, result ${text} not null, not_now_at ${time}, not_now_tally int not null default 0,
    ${own}, primary key (id, command_uuid))`);
  await execute(`create table enrollment_queue (id varchar(255), command_uuid varchar(127),
    active ${yes} not null, priority smallint not null default 0, ${own}, primary key (id, command_uuid))`);
  await execute(`create table push_certs (topic varchar(255) primary key, cert_pem ${text} not null,
    key_pem ${text} not null, stale_token int not null, ${own})`);
  await execute(`create table cert_auth_associations (id varchar(255), sha256 char(64), ${own},
    primary key (id, sha256))`);
}

/** A time as the tables have it: without a zone, so far after noon. */
export const noonAnd = (seconds: number) =>
  `2026-03-01 12:${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}.250`;

async function insert(execute: Execute, table: string, row: Readonly<Record<string, unknown>>) {
  const names = Object.keys(row);
  await execute(
    `insert into ${table} (${names.join(', ')}) values (${names.map(() => '?').join(', ')})`,
    Object.values(row),
  );
}

const text = (message: PlistDict) => buildPlist(message).toString();

/** What NanoMDM has of a device that has enrolled there, sent an unlock token and escrowed. */
export async function fillDevice(
  execute: Execute,
  device: Device,
  more: { readonly enabled?: boolean; readonly tally?: number } = {},
): Promise<void> {
  const { facts, enrollmentId: id } = device;
  const about = { UDID: id, Topic: facts.topic };
  const serial = facts.style === 'device' ? facts.serialNumber : '';
  const identity = device.identity.certificate;
  await insert(execute, 'devices', {
    id,
    identity_cert: certificatePem(identity),
    serial_number: serial,
    unlock_token: Buffer.from(`unlock ${id}`),
    unlock_token_at: noonAnd(2),
    authenticate: text({ MessageType: 'Authenticate', ...about, SerialNumber: serial }),
    authenticate_at: noonAnd(1),
    token_update: text({
      MessageType: 'TokenUpdate',
      ...about,
      Token: device.pushToken,
      PushMagic: device.pushMagic,
    }),
    token_update_at: noonAnd(2),
    bootstrap_token_b64: Buffer.from(`bootstrap ${id}`).toString('base64'),
    bootstrap_token_at: noonAnd(3),
  });
  await fillEnrollment(execute, device, id, null, more);
  await fillCertificate(execute, id, createHash('sha256').update(identity).digest('hex'));
}

async function fillEnrollment(
  execute: Execute,
  device: Device,
  id: string,
  user: string | null,
  { enabled = true, tally = 1 }: { readonly enabled?: boolean; readonly tally?: number },
): Promise<void> {
  await insert(execute, 'enrollments', {
    id,
    device_id: device.enrollmentId,
    user_id: user,
    type: user === null ? 'Device' : 'User',
    topic: device.facts.topic,
    push_magic: device.pushMagic,
    token_hex: device.pushToken.toString('hex'),
    enabled,
    token_update_tally: tally,
    last_seen_at: noonAnd(30),
    created_at: noonAnd(1),
  });
}

/** That a device has shown a certificate. */
export async function fillCertificate(execute: Execute, id: string, sha256: string): Promise<void> {
  await insert(execute, 'cert_auth_associations', { id, sha256, created_at: noonAnd(1) });
}

/** A user of a device; without a `tally` one that has only authenticated. */
export async function fillUser(
  execute: Execute,
  device: Device,
  user: { readonly id: string; readonly shortName: string; readonly tally?: number },
): Promise<void> {
  const id = `${device.enrollmentId}:${user.id}`;
  const about = { UDID: device.enrollmentId, UserID: user.id, UserShortName: user.shortName };
  await insert(execute, 'users', {
    id,
    device_id: device.enrollmentId,
    user_short_name: user.shortName,
    user_authenticate: text({ MessageType: 'UserAuthenticate', ...about }),
    user_authenticate_at: noonAnd(4),
    ...(user.tally !== undefined && {
      token_update: text({
        MessageType: 'TokenUpdate',
        ...about,
        Topic: device.facts.topic,
        Token: device.pushToken,
        PushMagic: device.pushMagic,
      }),
      token_update_at: noonAnd(5),
    }),
  });
  if (user.tally !== undefined)
    await fillEnrollment(execute, device, id, id, { tally: user.tally });
}

/** A command, made so many seconds after noon. */
export async function fillCommand(execute: Execute, uuid: string, seconds: number): Promise<void> {
  await insert(execute, 'commands', {
    command_uuid: uuid,
    request_type: 'ProfileList',
    command: buildCommand('ProfileList', {}, uuid).toString(),
    created_at: noonAnd(seconds),
  });
}

/** A command in a queue, and what was answered. */
export async function fillQueue(
  execute: Execute,
  id: string,
  uuid: string,
  {
    at,
    active = true,
    priority = 0,
    status,
  }: {
    readonly at: number;
    readonly active?: boolean;
    readonly priority?: number;
    readonly status?: string;
  },
): Promise<void> {
  await insert(execute, 'enrollment_queue', {
    id,
    command_uuid: uuid,
    active,
    priority,
    created_at: noonAnd(at),
  });
  if (status === undefined) return;
  await insert(execute, 'command_results', {
    id,
    command_uuid: uuid,
    status,
    result: text({ UDID: id, CommandUUID: uuid, Status: status }),
    not_now_at: status === 'NotNow' ? noonAnd(at + 1) : null,
    not_now_tally: status === 'NotNow' ? 2 : 0,
  });
}

/** A row of a devices table that is no device's, and others that stand alone. */
export async function fillJunk(execute: Execute): Promise<void> {
  await insert(execute, 'devices', {
    id: 'GONE:user',
    authenticate: text({ MessageType: 'Authenticate', UDID: 'GONE', UserID: 'user' }),
    authenticate_at: noonAnd(1),
  });
  await insert(execute, 'users', { id: 'LOST:user', device_id: 'LOST' });
  await fillCertificate(execute, 'NOBODY', 'ab'.repeat(32));
}
