import type { ClientBase } from 'pg';
import type { Log } from '../../model/log.ts';
import { StartupError, ValidationError } from '../../model/errors.ts';
import type { Generation } from '../../pki/authority.ts';
import { makeGeneration } from '../../pki/make-authority.ts';
import { sha256Of } from '../../pki/sha256.ts';
import type { Keyring } from '../../secrets/keyring.ts';
import {
  type AuthorityOrigin,
  insertGeneration,
  readGenerations,
} from '../../store/enroll/authority.ts';
import { sealGeneration } from './generation.ts';
import { readAuthorityFile } from './read-authority.ts';

/** What an operator decided about the device authority. */
export interface WantedAuthority {
  /** Whether there is to be one. */
  readonly wanted: boolean;
  /** For the one that is made. */
  readonly keyKind: 'rsa' | 'ec';
  readonly organization: string;
  /** One to take over: a file of PEM with certificate and key, or PKCS #12. */
  readonly file: { readonly path: string; readonly bytes: Buffer } | null;
  /** Of that file. */
  readonly password: string | null;
}

/**
 * Sees to it that the device authority exists: the one of the operator's file, or, on a database
 * without any, one that is made. Runs under the migration lock, so that of several first starts one
 * makes it.
 * @throws {StartupError} the file holds no authority that can be used
 */
export async function ensureDeviceAuthority(
  client: ClientBase,
  keyring: Keyring,
  authority: WantedAuthority,
  { now, log }: { readonly now: Date; readonly log: Log },
): Promise<void> {
  const stored = await readGenerations(client);
  if (!authority.wanted) {
    if (stored.length > 0) {
      log.warn(
        { generations: stored.length },
        'the device authority of this database is not used, and devices with its certificates are ' +
          'refused, because --ca is given without --device-ca',
      );
    }
    return;
  }
  const add = async (generation: Generation, origin: AuthorityOrigin) => {
    const { certificate } = generation;
    await insertGeneration(client, sealGeneration(keyring, generation, origin, 'system'));
    log.info(
      {
        origin,
        certificate: sha256Of(certificate.der).toString('hex'),
        expiresAt: certificate.notAfter.toISOString(),
      },
      'device authority added',
    );
  };
  const imported = await importFile(authority, now);
  if (imported !== null) {
    const sha256 = sha256Of(imported.certificate.der);
    if (!stored.some((each) => each.sha256.equals(sha256))) await add(imported, 'IMPORTED');
  } else if (stored.length === 0) {
    await add(await makeGeneration(newAuthority(authority, 1), now), 'MADE');
  }
}

/** What a generation is made as. Its number keeps the names of generations apart. */
export function newAuthority(
  { keyKind, organization }: Pick<WantedAuthority, 'keyKind' | 'organization'>,
  generation: number,
) {
  const commonName = `Device authority ${generation}`;
  return { subject: { organization, commonName }, key: keyKind };
}

async function importFile({ file, password }: WantedAuthority, now: Date) {
  if (file === null) return null;
  try {
    return await readAuthorityFile(file.bytes, password, now);
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    throw new StartupError(`--device-ca-file ${file.path}: ${error.message}`);
  }
}
