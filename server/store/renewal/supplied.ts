import type { PoolClient } from 'pg';
import type { Targets } from '../../model/targets.ts';
import type { TenantId } from '../../model/viewer.ts';
import { compileEnrollmentFilter } from '../read/enrollment-filter.ts';

/** A profile that somebody supplied, as it is kept. */
export interface SuppliedProfile {
  /** What it is known by; also bound to it when sealed. */
  readonly sha256: Buffer;
  /** What it says of the MDM server, for people. */
  readonly content: object;
  /** Sealed. */
  readonly profile: Buffer;
}

/** How many devices a profile is, or would be, recorded for. */
export interface RecordedCount {
  readonly recorded: number;
  /** On another topic, which no update may change. */
  readonly otherTopic: number;
  /** The first ids of those recorded, in order, at most 100. */
  readonly sample: readonly string[];
}

/** Keeps a supplied profile once. */
export async function keepSuppliedProfile(
  client: PoolClient,
  { sha256, content, profile }: SuppliedProfile,
): Promise<void> {
  await client.query(
    `insert into profile_values (sha256, content, profile) values ($1, $2, $3)
     on conflict (sha256) do nothing`,
    [sha256, JSON.stringify(content), profile],
  );
}

/**
 * Counts the devices among the targets that have the topic of a profile, and records for them that they
 * were enrolled with it.
 * @param record null: only count
 */
export async function recordProfile(
  client: PoolClient,
  targets: Targets,
  tenant: TenantId | null,
  topic: string,
  record: { readonly sha256: Buffer; readonly actor: string; readonly at: Date } | null,
): Promise<RecordedCount> {
  const filter =
    'ids' in targets ? { ids: targets.ids } : 'filter' in targets ? targets.filter : {};
  const condition = compileEnrollmentFilter(filter, { tenant, channels: 'DEVICE' }, 5);
  const { rows } = await client.query<{ recorded: number; other: number; sample: string[] }>(
    `
with target as materialized (
  select e.key, e.id, e.topic = $1 as same from enrollment e where ${condition.sql}
), recorded as (
  insert into enrollment_profile_values as v
    (enrollment_key, profile_values_sha256, recorded_by, recorded_at)
  select key, $2, $3, $4 from target where same and $2::bytea is not null order by key
  on conflict (enrollment_key) do update set profile_values_sha256 = excluded.profile_values_sha256,
    recorded_by = excluded.recorded_by, recorded_at = excluded.recorded_at
)
select count(*) filter (where same)::int as recorded,
  count(*) filter (where same is not true)::int as other,
  array(select id from target where same order by id limit 100) as sample
from target`,
    [topic, record?.sha256 ?? null, record?.actor ?? null, record?.at ?? null, ...condition.values],
  );
  const row = rows[0];
  return { recorded: row?.recorded ?? 0, otherTopic: row?.other ?? 0, sample: row?.sample ?? [] };
}
