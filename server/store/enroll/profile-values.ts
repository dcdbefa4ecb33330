import type { Pool, PoolClient } from 'pg';

/** Keeps a combination of fixed profile values under its hash, once. */
export async function keepProfileValues(
  db: Pick<Pool, 'query'>,
  sha256: Buffer,
  content: object,
): Promise<void> {
  await db.query({
    name: 'keep-profile-values',
    text: `
insert into profile_values (sha256, content) values ($1, $2) on conflict (sha256) do nothing`,
    values: [sha256, JSON.stringify(content)],
  });
}

/** The hash of the combination that begins with these bytes, if it is kept. */
export async function findProfileValues(
  db: Pick<Pool, 'query'>,
  prefix: Buffer,
): Promise<Buffer | null> {
  const { rows } = await db.query<{ sha256: Buffer }>({
    name: 'find-profile-values',
    text: `
select sha256 from profile_values where sha256 >= $1 and substr(sha256, 1, length($1)) = $1
order by sha256 limit 1`,
    values: [prefix],
  });
  return rows[0]?.sha256 ?? null;
}

/**
 * Has a device's fixed values follow its certificate: those of the profile that the certificate came
 * with. A renewal that brings none keeps what was known; another enrolment does not.
 */
export async function followProfileValues(
  client: PoolClient,
  deviceKey: string,
  change: { readonly certificate: Buffer; readonly renewal: boolean; readonly at: Date },
): Promise<void> {
  await client.query({
    name: 'follow-profile-values',
    text: `
with issued as (
  select profile_values_sha256 as sha256 from issued_certificate
  where sha256 = $2 and profile_values_sha256 is not null
), recorded as (
  insert into enrollment_profile_values (enrollment_key, profile_values_sha256, recorded_at)
  select $1, sha256, $4 from issued
  on conflict (enrollment_key) do update set profile_values_sha256 = excluded.profile_values_sha256,
    recorded_by = null, recorded_at = excluded.recorded_at
)
delete from enrollment_profile_values
where enrollment_key = $1 and not $3::boolean and not exists (select from issued)`,
    values: [deviceKey, change.certificate, change.renewal, change.at],
  });
}

/** What an enrolment was made with, as it is kept. */
export interface KeptProfileValues {
  readonly sha256: Buffer;
  readonly content: unknown;
  /** The profile itself, sealed, if somebody supplied it; null: it is made of the values. */
  readonly profile: Buffer | null;
}

/** What an enrolment was made with; null: it is unknown. */
export async function profileValuesOf(
  db: Pick<Pool, 'query'>,
  enrollmentKey: string,
): Promise<KeptProfileValues | null> {
  const { rows } = await db.query<KeptProfileValues>({
    name: 'profile-values-of',
    text: `
select v.sha256, v.content, v.profile from enrollment_profile_values e
join profile_values v on v.sha256 = e.profile_values_sha256
where e.enrollment_key = $1`,
    values: [enrollmentKey],
  });
  return rows[0] ?? null;
}
