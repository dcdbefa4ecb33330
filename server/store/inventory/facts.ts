import type { PoolClient } from 'pg';

/** What an enrolment's answers say of the device, for the columns that lists are found by. */
export interface DeviceFacts {
  readonly enrollmentKey: bigint;
  readonly at: Date;
  /** Columns of `enrollment`; absent: not told this time. */
  readonly deviceName?: string;
  readonly osVersion?: string;
  readonly buildVersion?: string;
  readonly model?: string;
  readonly modelName?: string;
  readonly productName?: string;
  readonly imei?: string;
  readonly meid?: string;
  /** Kept where none is known; a serial number is never replaced by another one. */
  readonly serialNumber?: string;
  /** Columns of `device_inventory`. */
  readonly supervised?: boolean;
  readonly batteryLevel?: number;
  readonly deviceCapacity?: number;
  readonly availableDeviceCapacity?: number;
  readonly appleSilicon?: boolean;
  readonly activationLockEnabled?: boolean;
  readonly passcodePresent?: boolean;
  readonly fileVaultEnabled?: boolean;
  readonly applicationCount?: number;
}

const told = ['deviceName', 'osVersion', 'buildVersion', 'model', 'modelName'] as const;
const toldToo = ['productName', 'imei', 'meid', 'serialNumber'] as const;
const enrollmentFacts = [...told, ...toldToo] as const;

const inventoryFacts = [
  ['supervised', 'supervised', 'boolean'],
  ['batteryLevel', 'battery_level', 'float8'],
  ['deviceCapacity', 'device_capacity', 'float8'],
  ['availableDeviceCapacity', 'available_device_capacity', 'float8'],
  ['appleSilicon', 'apple_silicon', 'boolean'],
  ['activationLockEnabled', 'activation_lock_enabled', 'boolean'],
  ['passcodePresent', 'passcode_present', 'boolean'],
  ['fileVaultEnabled', 'file_vault_enabled', 'boolean'],
  ['applicationCount', 'application_count', 'int'],
] as const;

// A row is written only where something is different: most answers repeat what is known. What a
// device says when it enrols is newer than its answers from before.
const enrollmentText = `
update enrollment e set
  device_name = coalesce(f.device_name, e.device_name),
  os_version = coalesce(f.os_version, e.os_version),
  build_version = coalesce(f.build_version, e.build_version),
  model = coalesce(f.model, e.model),
  model_name = coalesce(f.model_name, e.model_name),
  product_name = coalesce(f.product_name, e.product_name),
  imei = coalesce(f.imei, e.imei),
  meid = coalesce(f.meid, e.meid),
  serial_number = coalesce(e.serial_number, f.serial_number)
from unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[],
    $7::text[], $8::text[], $9::text[], $10::text[], $11::text[])
  as f (key, at, device_name, os_version, build_version, model, model_name, product_name, imei,
    meid, serial_number)
where e.key = f.key and (e.authenticated_at is null or e.authenticated_at <= f.at)
  and (coalesce(f.device_name, e.device_name), coalesce(f.os_version, e.os_version),
    coalesce(f.build_version, e.build_version), coalesce(f.model, e.model),
    coalesce(f.model_name, e.model_name), coalesce(f.product_name, e.product_name),
    coalesce(f.imei, e.imei), coalesce(f.meid, e.meid),
    coalesce(e.serial_number, f.serial_number))
  is distinct from (e.device_name, e.os_version, e.build_version, e.model, e.model_name,
    e.product_name, e.imei, e.meid, e.serial_number)`;

const columns = inventoryFacts.map(([, column]) => column);
const casts = inventoryFacts.map(([, , type], index) => `$${index + 3}::${type}[]`);

// Each column comes from one section, whose newest answer was judged before: another section's answer,
// by the clock of another process, says nothing about it.
const inventoryText = `
insert into device_inventory as i (enrollment_key, tenant_id, updated_at, ${columns.join(', ')})
select e.key, e.tenant_id, f.updated_at, ${columns.map((name) => `f.${name}`).join(', ')}
from unnest($1::bigint[], $2::timestamptz[], ${casts.join(', ')})
  as f (enrollment_key, updated_at, ${columns.join(', ')})
join enrollment e on e.key = f.enrollment_key
order by e.key
on conflict (enrollment_key) do update set
  updated_at = greatest(excluded.updated_at, i.updated_at),
  ${columns.map((name) => `${name} = coalesce(excluded.${name}, i.${name})`).join(',\n  ')}`;

/**
 * Brings the columns that enrolments are found by up to date.
 * @param facts  at most one for each enrolment
 */
export async function writeFacts(client: PoolClient, facts: readonly DeviceFacts[]): Promise<void> {
  if (facts.length === 0) return;
  const ordered = facts.toSorted((a, b) => (a.enrollmentKey < b.enrollmentKey ? -1 : 1));
  const keys = ordered.map(({ enrollmentKey }) => enrollmentKey);
  const ats = ordered.map(({ at }) => at);
  await client.query({
    name: 'write-inventory-facts',
    text: inventoryText,
    values: [
      keys,
      ats,
      ...inventoryFacts.map(([name]) => ordered.map((fact) => fact[name] ?? null)),
    ],
  });
  await client.query({
    name: 'write-enrollment-facts',
    text: enrollmentText,
    values: [
      keys,
      ats,
      ...enrollmentFacts.map((name) => ordered.map((fact) => fact[name] ?? null)),
    ],
  });
}
