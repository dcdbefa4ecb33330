import type { PoolClient } from 'pg';
import type { EnrollmentId } from '../../model/enrollment.ts';
import { Refusal } from '../../model/refusal.ts';
import type { BoundDevice } from './bindings.ts';
import type { DeviceFacts } from './check-in-row.ts';

/** The keys of a device's user channels. */
export async function userChannelKeys(
  client: PoolClient,
  deviceKey: string,
): Promise<readonly string[]> {
  const result = await client.query<{ key: string }>({
    name: 'user-channel-keys',
    text: 'select key from enrollment where device_key = $1 order by key for update',
    values: [deviceKey],
  });
  return result.rows.map((row) => row.key);
}

/** Disables channels: nothing is delivered to them until their next TokenUpdate. */
export async function disableChannels(
  client: PoolClient,
  keys: readonly string[],
  reason: 'RE_ENROLLING' | 'CHECKED_OUT',
  at: Date,
): Promise<void> {
  await client.query({
    name: 'disable-channels',
    text: `
update enrollment set enabled = false, token_update_tally = 0,
  disabled_reason = case when $2 = 'RE_ENROLLING' and enrolled_at is null
    then 'AWAITING_TOKEN_UPDATE' else $2 end,
  checked_out_at = case when $2 = 'CHECKED_OUT' then $3 else checked_out_at end, heard_at = $3
where key = any($1::bigint[])`,
    values: [keys, reason, at],
  });
}

/**
 * Enables a device again whose re-enrolment came to nothing: it is heard with its old certificate.
 * Channels that had checked out before it stay so.
 * @returns false when there was nothing to enable
 */
export async function enableAgain(client: PoolClient, deviceKey: string): Promise<boolean> {
  const result = await client.query({
    name: 'enable-again',
    text: `
update enrollment set enabled = true, disabled_reason = null
where (key = $1 or device_key = $1) and disabled_reason = 'RE_ENROLLING' and push_token is not null
  and (checked_out_at is null or checked_out_at < enrolled_at)`,
    values: [deviceKey],
  });
  return (result.rowCount ?? 0) > 0;
}

/** Forgets what an enrolment that has ended escrowed with us. */
export async function forgetTokens(client: PoolClient, deviceKey: string): Promise<void> {
  await client.query({
    name: 'forget-tokens',
    text: 'update enrollment set bootstrap_token = null, unlock_token = null where key = $1',
    values: [deviceKey],
  });
}

/** Writes what an Authenticate of a known device tells. */
export async function refreshDevice(
  client: PoolClient,
  input: {
    readonly key: string;
    readonly topic: string | null;
    readonly facts: DeviceFacts;
    readonly at: Date;
  },
): Promise<void> {
  const { facts } = input;
  await client.query({
    name: 'refresh-device',
    text: `
update enrollment set
  topic = coalesce($2, topic), serial_number = coalesce($3, serial_number),
  device_name = coalesce($4, device_name), model = coalesce($5, model),
  model_name = coalesce($6, model_name), product_name = coalesce($7, product_name),
  os_version = coalesce($8, os_version), build_version = coalesce($9, build_version),
  imei = coalesce($10, imei), meid = coalesce($11, meid), authenticated_at = $12, heard_at = $12
where key = $1`,
    values: [
      input.key,
      input.topic,
      facts.serialNumber,
      facts.deviceName,
      facts.model,
      facts.modelName,
      facts.productName,
      facts.osVersion,
      facts.buildVersion,
      facts.imei,
      facts.meid,
      input.at,
    ],
  });
}

/**
 * Makes sure that a user channel exists under its device, carrying the device's certificates. It is
 * not enabled by this.
 * @returns its key
 * @throws {Refusal} 409 when the id is another device's
 */
export async function ensureUserChannel(
  client: PoolClient,
  channel: EnrollmentId,
  device: BoundDevice,
  names: {
    readonly userId: string | null;
    readonly shortName: string | null;
    readonly longName: string | null;
  },
  at: Date,
): Promise<string> {
  const result = await client.query<{ key: string }>({
    name: 'ensure-user-channel',
    text: `
insert into enrollment (id, tenant_id, kind, device_key, user_id, user_short_name, user_long_name,
  cert_hash, pending_cert_hash, cert_not_after, disabled_reason, created_at)
select $1, d.tenant_id, $2, d.key, $4, $5, $6, d.cert_hash, d.pending_cert_hash,
  d.cert_not_after, 'AWAITING_TOKEN_UPDATE', $7
from enrollment d where d.key = $3
on conflict (id) do update set user_id = coalesce(excluded.user_id, enrollment.user_id),
  user_short_name = coalesce(excluded.user_short_name, enrollment.user_short_name),
  user_long_name = coalesce(excluded.user_long_name, enrollment.user_long_name)
  where enrollment.device_key = excluded.device_key
returning key`,
    values: [
      channel.id,
      channel.kind,
      device.key,
      names.userId,
      names.shortName,
      names.longName,
      at,
    ],
  });
  const row = result.rows[0];
  if (row === undefined) throw notItsChannel(channel.id);
  return row.key;
}

/** Ids are joined from parts that devices choose: `A:B` may also be the whole id of another device. */
export function notItsChannel(id: string): Refusal {
  return new Refusal(409, 'not-its-channel', `${id} is not a channel of the device that names it`);
}

/** A user channel, locked for the transaction. */
export interface LockedChannel {
  readonly key: string;
  readonly checkedOut: boolean;
}

/**
 * Reads and locks a user channel of a device.
 * @returns null when it was never seen
 * @throws {Refusal} 409 when the id is another device's
 */
export async function lockUserChannel(
  client: PoolClient,
  id: string,
  deviceKey: string,
): Promise<LockedChannel | null> {
  const result = await client.query<{ key: string; checked_out: boolean; own: boolean }>({
    name: 'lock-user-channel',
    text: `
select key, coalesce(disabled_reason = 'CHECKED_OUT', false) as checked_out,
  device_key is not distinct from $2 as own
from enrollment where id = $1 for update`,
    values: [id, deviceKey],
  });
  const row = result.rows[0];
  if (row === undefined) return null;
  if (!row.own) throw notItsChannel(id);
  return { key: row.key, checkedOut: row.checked_out };
}

/** Whether commands are delivered to a channel now. */
export async function isEnabled(client: PoolClient, key: string): Promise<boolean> {
  const result = await client.query<{ enabled: boolean }>({
    name: 'is-enabled',
    text: 'select enabled from enrollment where key = $1',
    values: [key],
  });
  return result.rows[0]?.enabled === true;
}
