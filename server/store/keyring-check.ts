import { join } from 'node:path';
import type pg from 'pg';
import { StartupError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { makeCheckValue, opensCheckValue } from '../secrets/key-check.ts';
import { createKeyFile, readKeyFile } from '../secrets/key-file.ts';
import { createKeyring, type Keyring } from '../secrets/keyring.ts';

interface CheckRow {
  readonly key_id: string;
  readonly check_value: Buffer;
}

/**
 * The keyring for this database: of the configured keys, else of `<data-dir>/secret.key`, which is made
 * when the database holds nothing sealed yet. Runs under the migration lock (`after` of `migrate`), so
 * that of several first starts one makes the key.
 * @throws {StartupError} the database has values sealed by a key that is not among ours
 */
export async function ensureKeyring(
  client: pg.ClientBase,
  options: { readonly keys: readonly Buffer[]; readonly dataDir: string; readonly log: Log },
): Promise<Keyring> {
  const { rows } = await client.query<CheckRow>(
    'select key_id, check_value from keyring_check order by created_at, key_id',
  );
  const keyring = createKeyring(findKeys(options, rows.length === 0));
  const missing = rows.filter((row) => !opensCheckValue(keyring, row.key_id, row.check_value));
  if (missing.length > 0) {
    const ids = missing.map((row) => row.key_id).join(', ');
    throw new StartupError(
      `The database holds values sealed by key ${ids}, and none of the keys given opens them. Give ` +
        'that key too, with --secret-key-file (several files: the first seals, all open).',
    );
  }
  if (!rows.some((row) => row.key_id === keyring.keyId)) {
    await client.query('insert into keyring_check (key_id, check_value) values ($1, $2)', [
      keyring.keyId,
      makeCheckValue(keyring),
    ]);
  }
  return keyring;
}

function findKeys(
  { keys, dataDir, log }: Parameters<typeof ensureKeyring>[1],
  nothingSealed: boolean,
): readonly Buffer[] {
  if (keys.length > 0) return keys;
  const file = join(dataDir, 'secret.key');
  const kept = readKeyFile(file);
  if (kept) return [kept];
  if (!nothingSealed) {
    throw new StartupError(
      `The database holds sealed values, and there is no key: ${file} does not exist. Give the key ` +
        'that they were sealed with by --secret-key-file.',
    );
  }
  const made = createKeyFile(file);
  log.info(
    { file },
    'made the key that seals secrets; keep a copy of it apart from the database’s',
  );
  return [made];
}
