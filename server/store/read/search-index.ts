import type { Queryable } from './keyset.ts';

/** The index that finds what stands inside texts. Not in the migrations: it needs the extension pg_trgm. */
export const searchIndex = 'enrollment_search_idx';

/** Whether that index is there, and whole. */
export async function searchesInside(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ valid: boolean }>(
    'select indisvalid as valid from pg_index where indexrelid = to_regclass($1)',
    [searchIndex],
  );
  return rows[0]?.valid ?? false;
}
