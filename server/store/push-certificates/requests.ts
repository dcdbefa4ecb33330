import type { Pool, PoolClient } from 'pg';
import type { TenantId } from '../../model/viewer.ts';

/** A request for a push certificate, with its keys sealed. */
export interface StoredRequest {
  readonly id: string;
  readonly tenantId: TenantId;
  readonly commonName: string;
  /** PKCS #10, DER. */
  readonly csr: Buffer;
  readonly key: Buffer;
  /** What the signing service encrypts its answer for: certificate (DER) and sealed key. */
  readonly encryption: { readonly certificate: Buffer; readonly key: Buffer } | null;
}

/** Keeps a request until Apple's certificate comes. */
export async function insertRequest(
  client: PoolClient,
  request: StoredRequest,
  by: { readonly actor: string; readonly at: Date },
): Promise<void> {
  await client.query(
    `insert into push_certificate_request (id, tenant_id, common_name, csr, key,
       encryption_certificate, encryption_key, created_by, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      request.id,
      request.tenantId,
      request.commonName,
      request.csr,
      request.key,
      request.encryption?.certificate ?? null,
      request.encryption?.key ?? null,
      by.actor,
      by.at,
    ],
  );
}

interface Row {
  readonly id: string;
  readonly tenant_id: number;
  readonly common_name: string;
  readonly csr: Buffer;
  readonly key: Buffer;
  readonly encryption_certificate: Buffer | null;
  readonly encryption_key: Buffer | null;
}

/** The request with this id, as far as the tenant (null: any) may see it. */
export async function findRequest(
  db: Pick<Pool, 'query'>,
  id: string,
  tenant: TenantId | null,
): Promise<StoredRequest | null> {
  const { rows } = await db.query<Row>(
    `select id, tenant_id, common_name, csr, key, encryption_certificate, encryption_key
     from push_certificate_request where id = $1 and ($2::int is null or tenant_id = $2)`,
    [id, tenant],
  );
  const row = rows[0];
  if (row === undefined) return null;
  const { encryption_certificate: certificate, encryption_key: key } = row;
  return {
    id: row.id,
    tenantId: row.tenant_id,
    commonName: row.common_name,
    csr: row.csr,
    key: row.key,
    encryption: certificate === null || key === null ? null : { certificate, key },
  };
}

/** Notes that a request has its certificate. */
export async function completeRequest(client: PoolClient, id: string, at: Date): Promise<void> {
  await client.query('update push_certificate_request set completed_at = $2 where id = $1', [
    id,
    at,
  ]);
}
