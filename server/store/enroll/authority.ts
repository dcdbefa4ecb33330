import type { ClientBase, Pool } from 'pg';

/** How a generation of the device authority came to be. */
export type AuthorityOrigin = 'MADE' | 'RENEWED' | 'IMPORTED' | 'EXTERNAL';

/** A generation of the device authority to be stored. Its keys are sealed. */
export interface NewGeneration {
  readonly sha256: Buffer;
  /** DER. */
  readonly certificate: Buffer;
  /** Null when the authority is elsewhere. */
  readonly key: Buffer | null;
  readonly chain: readonly Buffer[];
  readonly ra: { readonly certificate: Buffer; readonly key: Buffer } | null;
  readonly origin: AuthorityOrigin;
  /** As RFC 4514 writes it. */
  readonly subject: string;
  /** Lower-case hexadecimal. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly createdBy: string;
}

/** A generation as it is stored. */
export interface StoredGenerationRow extends Omit<NewGeneration, 'createdBy'> {
  /** Grows by one with each; the newest issues. */
  readonly generation: number;
  /** For how many seconds it has been there, by the database's clock. */
  readonly age: number;
}

interface Row {
  readonly generation: number;
  readonly sha256: Buffer;
  readonly certificate: Buffer;
  readonly key: Buffer | null;
  readonly chain: Buffer[];
  readonly ra_certificate: Buffer | null;
  readonly ra_key: Buffer | null;
  readonly origin: AuthorityOrigin;
  readonly subject: string;
  readonly serial: string;
  readonly not_before: Date;
  readonly not_after: Date;
  readonly age: number;
}

/** All generations, the newest first. */
export async function readGenerations(
  db: Pick<ClientBase, 'query'> | Pick<Pool, 'query'>,
): Promise<readonly StoredGenerationRow[]> {
  const { rows } = await db.query<Row>(
    `select generation, sha256, certificate, key, chain, ra_certificate, ra_key, origin, subject,
       serial, not_before, not_after, extract(epoch from now() - created_at)::float8 as age
     from device_authority order by generation desc`,
  );
  return rows.map(({ ra_certificate: certificate, ra_key: key, ...row }) => ({
    generation: row.generation,
    sha256: row.sha256,
    certificate: row.certificate,
    key: row.key,
    chain: row.chain,
    ra: certificate === null || key === null ? null : { certificate, key },
    origin: row.origin,
    subject: row.subject,
    serial: row.serial,
    notBefore: row.not_before,
    notAfter: row.not_after,
    age: row.age,
  }));
}

/** The number of the newest generation, or 0. One index probe. */
export async function newestGeneration(db: Pick<Pool, 'query'>): Promise<number> {
  const { rows } = await db.query<{ newest: number | null }>({
    name: 'newest-generation',
    text: 'select max(generation) as newest from device_authority',
  });
  return rows[0]?.newest ?? 0;
}

/**
 * Stores a generation as the newest.
 * @returns its number, or null when its certificate is there already
 */
export async function insertGeneration(
  client: Pick<ClientBase, 'query'>,
  generation: NewGeneration,
): Promise<number | null> {
  // Two at once would choose the same number; adding one is rare enough to do it one by one.
  await client.query('lock table device_authority in share row exclusive mode');
  const { rows } = await client.query<{ generation: number }>(
    `insert into device_authority (generation, sha256, certificate, key, chain, ra_certificate, ra_key,
       origin, subject, serial, not_before, not_after, created_by)
     select coalesce(max(generation), 0) + 1, $1, $2, $3, $4::bytea[], $5, $6, $7, $8, $9, $10, $11, $12
     from device_authority
     on conflict (sha256) do nothing
     returning generation`,
    [
      generation.sha256,
      generation.certificate,
      generation.key,
      generation.chain,
      generation.ra?.certificate ?? null,
      generation.ra?.key ?? null,
      generation.origin,
      generation.subject,
      generation.serial,
      generation.notBefore,
      generation.notAfter,
      generation.createdBy,
    ],
  );
  return rows[0]?.generation ?? null;
}
