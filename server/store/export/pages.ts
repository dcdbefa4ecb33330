import type { Pool, PoolClient } from 'pg';
import type { TenantId } from '../../model/viewer.ts';

/** Adds a page to an export's file. */
export async function appendExportPage(
  client: PoolClient,
  jobId: string,
  page: number,
  content: Buffer,
): Promise<void> {
  await client.query('insert into export_page (job_id, page, content) values ($1, $2, $3)', [
    jobId,
    page,
    content,
  ]);
}

/** A page of an export's file after another; null: there is none. */
export async function exportPageAfter(
  pool: Pool,
  jobId: string,
  after: number,
): Promise<{ readonly page: number; readonly content: Buffer } | null> {
  const { rows } = await pool.query<{ page: number; content: Buffer }>(
    `select page, content from export_page where job_id = $1 and page > $2 order by page limit 1`,
    [jobId, after],
  );
  return rows[0] ?? null;
}

/** What an export's job is doing; null: a tenant has none with this id. */
export async function exportState(
  pool: Pool,
  jobId: string,
  kind: string,
  tenant: TenantId | null,
): Promise<string | null> {
  const { rows } = await pool.query<{ state: string }>(
    `select state from job where id = $1 and kind = $2 and ($3::int is null or tenant_id = $3)`,
    [jobId, kind, tenant],
  );
  return rows[0]?.state ?? null;
}

/** Deletes the files of exports a day after their job has ended, a page at a time. */
export async function deleteOldExports(pool: Pool): Promise<number> {
  const result = await pool.query(`
with page as materialized (
  select p.job_id, p.page from export_page p left join job j on j.id = p.job_id
  where j.id is null or j.finished_at < now() - interval '1 day'
  limit 100
)
delete from export_page e using page p where e.job_id = p.job_id and e.page = p.page`);
  return result.rowCount ?? 0;
}
