import type { Pool, PoolClient } from 'pg';
import { byteaArray } from '../binary-array.ts';

/** A section as it is stored: the newest that an enrolment has told of something. */
export interface SectionRow {
  readonly enrollmentKey: bigint;
  readonly section: string;
  /** JSON. */
  readonly content: unknown;
  readonly answeredAt: Date;
  readonly commandKey: bigint;
  /** Tells the answer that it was last told by from others; null: not known. */
  readonly fingerprint: Buffer | null;
}

/**
 * Keeps enrolments from being moved to another tenant until the transaction ends: all that is stored of
 * an enrolment carries the tenant that it has. Call it before anything is written.
 */
export async function holdTenants(
  client: PoolClient,
  enrollmentKeys: readonly bigint[],
): Promise<void> {
  await client.query({
    name: 'hold-tenants',
    text: `select 1 from enrollment where key = any ($1::bigint[]) order by key for key share`,
    values: [enrollmentKeys],
  });
}

type SectionKey = Pick<SectionRow, 'enrollmentKey' | 'section'>;

/** Which answer a section was last told by. */
export type SectionOrigin = Omit<SectionRow, 'content'>;

/** Reads which answers sections were last told by. */
export async function readOrigins(
  pool: Pool,
  keys: readonly SectionKey[],
): Promise<SectionOrigin[]> {
  const result = await pool.query<Omit<StoredSection, 'content'>>({
    name: 'read-section-origins',
    text: `
select s.enrollment_key, s.section, s.answered_at, s.command_key, s.answer_fingerprint
from inventory_section s
join unnest($1::bigint[], $2::text[]) as wanted (enrollment_key, section)
  on s.enrollment_key = wanted.enrollment_key and s.section = wanted.section`,
    values: [keys.map(({ enrollmentKey }) => enrollmentKey), keys.map(({ section }) => section)],
  });
  return result.rows.map(sectionOrigin);
}

/**
 * Reads sections and keeps others from changing them until the transaction ends.
 * @param keys  each once; of sections whose contents are not wanted, `content` is null
 */
export async function lockSections(
  client: PoolClient,
  keys: readonly (SectionKey & { readonly withContent: boolean })[],
): Promise<SectionRow[]> {
  const result = await client.query<StoredSection>({
    name: 'lock-sections',
    text: `
select s.enrollment_key, s.section, s.answered_at, s.command_key, s.answer_fingerprint,
  case when wanted.with_content then s.content end as content
from inventory_section s
join unnest($1::bigint[], $2::text[], $3::boolean[]) as wanted (enrollment_key, section, with_content)
  on s.enrollment_key = wanted.enrollment_key and s.section = wanted.section
order by s.enrollment_key, s.section
for update of s`,
    values: [
      keys.map(({ enrollmentKey }) => enrollmentKey),
      keys.map(({ section }) => section),
      keys.map(({ withContent }) => withContent),
    ],
  });
  return result.rows.map(sectionRow);
}

/** Reads all sections of an enrolment and keeps others from changing them until the transaction ends. */
export async function lockAllSections(
  client: PoolClient,
  enrollmentKey: bigint,
): Promise<SectionRow[]> {
  const result = await client.query<StoredSection>({
    name: 'lock-all-sections',
    text: `
select enrollment_key, section, answered_at, command_key, answer_fingerprint, content
from inventory_section where enrollment_key = $1 order by section for update`,
    values: [enrollmentKey],
  });
  return result.rows.map(sectionRow);
}

interface StoredSection {
  readonly enrollment_key: string;
  readonly section: string;
  readonly content: unknown;
  readonly answered_at: Date;
  readonly command_key: string;
  readonly answer_fingerprint: Buffer | null;
}

function sectionRow(row: StoredSection): SectionRow {
  return { ...sectionOrigin(row), content: row.content };
}

function sectionOrigin(row: Omit<StoredSection, 'content'>): SectionOrigin {
  return {
    enrollmentKey: BigInt(row.enrollment_key),
    section: row.section,
    answeredAt: row.answered_at,
    commandKey: BigInt(row.command_key),
    fingerprint: fingerprintOfRow(row),
  };
}

/** Bytes of a command's key, before a fingerprint that is stored. */
const keyBytes = 8;

/**
 * A fingerprint is stored behind the key of the command whose answer it is of. A process of an earlier
 * version writes the section without it: then it is of another answer than the section, and tells nothing.
 */
function fingerprintOfRow(row: Omit<StoredSection, 'content'>): Buffer | null {
  const stored = row.answer_fingerprint;
  if (stored === null || stored.length <= keyBytes) return null;
  return stored.readBigInt64BE(0) === BigInt(row.command_key) ? stored.subarray(keyBytes) : null;
}

function storedFingerprint({
  fingerprint,
  commandKey,
}: Pick<SectionRow, 'fingerprint' | 'commandKey'>): Buffer | null {
  if (fingerprint === null) return null;
  const key = Buffer.alloc(keyBytes);
  key.writeBigInt64BE(commandKey);
  return Buffer.concat([key, fingerprint]);
}

/**
 * Writes sections. A row that is newer already, made since they were locked, stays.
 * @param rows  at most one for each section of an enrolment
 */
export async function writeSections(
  client: PoolClient,
  rows: readonly SectionRow[],
): Promise<void> {
  if (rows.length === 0) return;
  await client.query({
    name: 'write-sections',
    text: `
insert into inventory_section
  (enrollment_key, section, tenant_id, content, answered_at, command_key, answer_fingerprint)
select e.key, new.section, e.tenant_id, new.content::jsonb, new.answered_at, new.command_key,
  new.fingerprint
from unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[],
    $6::bytea[])
  as new (enrollment_key, section, content, answered_at, command_key, fingerprint)
join enrollment e on e.key = new.enrollment_key
order by e.key, new.section
on conflict (enrollment_key, section) do update
  set content = excluded.content, answered_at = excluded.answered_at,
    command_key = excluded.command_key, answer_fingerprint = excluded.answer_fingerprint
  where inventory_section.answered_at <= excluded.answered_at`,
    values: [
      rows.map(({ enrollmentKey }) => enrollmentKey),
      rows.map(({ section }) => section),
      rows.map(({ content }) => JSON.stringify(content)),
      rows.map(({ answeredAt }) => answeredAt),
      rows.map(({ commandKey }) => commandKey),
      byteaArray(rows.map(storedFingerprint)),
    ],
  });
}

/** Notes that sections were told again, the same as they are: their contents are not written anew. */
export async function touchSections(
  client: PoolClient,
  rows: readonly Omit<SectionRow, 'content'>[],
): Promise<void> {
  if (rows.length === 0) return;
  await client.query({
    name: 'touch-sections',
    text: `
update inventory_section s
set answered_at = new.answered_at, command_key = new.command_key,
  answer_fingerprint = new.fingerprint
from unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::bigint[], $5::bytea[])
  as new (enrollment_key, section, answered_at, command_key, fingerprint)
where s.enrollment_key = new.enrollment_key and s.section = new.section`,
    values: [
      rows.map(({ enrollmentKey }) => enrollmentKey),
      rows.map(({ section }) => section),
      rows.map(({ answeredAt }) => answeredAt),
      rows.map(({ commandKey }) => commandKey),
      byteaArray(rows.map(storedFingerprint)),
    ],
  });
}
