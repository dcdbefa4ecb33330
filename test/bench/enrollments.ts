import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { enrollmentPlace } from '../../server/mdm/check-in/store-raw.ts';
import { createKeyring } from '../../server/secrets/keyring.ts';

/** Rows that are inserted by one statement. */
const chunk = 5_000;

/** Writes rows of enrolled devices, named BENCH-0 and on, that can be pushed to. */
export async function insertEnrollments(
  pool: Pool,
  { size, topic, secretKey }: { size: number; topic: string; secretKey: Buffer },
): Promise<void> {
  const keyring = createKeyring([secretKey]);
  for (let first = 0; first < size; first += chunk) {
    const count = Math.min(chunk, size - first);
    const ids = Array.from({ length: count }, (_, at) => `BENCH-${first + at}`);
    await pool.query(
      `insert into enrollment (id, kind, enabled, topic, push_token, push_magic, token_updated_at)
       select id, 'DEVICE', true, $4, token, magic, now()
       from unnest($1::text[], $2::bytea[], $3::bytea[]) as d (id, token, magic)`,
      [
        ids,
        ids.map(() => randomBytes(32)),
        ids.map((id) => keyring.seal(enrollmentPlace('push_magic', id), Buffer.from(id))),
        topic,
      ],
    );
  }
}
