import { formatName } from '../../protocol/cms/name.ts';
import { sha256Of } from '../../pki/sha256.ts';
import type { Generation } from '../../pki/authority.ts';
import { restoreGeneration, storeGeneration } from '../../pki/stored-authority.ts';
import type { Keyring } from '../../secrets/keyring.ts';
import type {
  AuthorityOrigin,
  NewGeneration,
  StoredGenerationRow,
} from '../../store/enroll/authority.ts';

/** A generation's keys open only beside the certificate that they belong to. */
function keyPlace(column: 'key' | 'ra_key', sha256: Buffer) {
  return { table: 'device_authority', column, row: sha256.toString('hex') };
}

/** A generation as the database takes it, its keys sealed. */
export function sealGeneration(
  keyring: Keyring,
  generation: Generation,
  origin: AuthorityOrigin,
  createdBy: string,
): NewGeneration {
  const { certificate, key, chain, ra } = storeGeneration(generation);
  const { subjectDer, serial, notBefore, notAfter } = generation.certificate;
  const sha256 = sha256Of(certificate);
  return {
    sha256,
    certificate,
    key: key && keyring.seal(keyPlace('key', sha256), key),
    chain,
    ra: ra && {
      certificate: ra.certificate,
      key: keyring.seal(keyPlace('ra_key', sha256), ra.key),
    },
    origin,
    subject: formatName(subjectDer),
    serial: serial.toString('hex'),
    notBefore,
    notAfter,
    createdBy,
  };
}

/** @throws {SealError} its keys were sealed by another keyring, or changed */
export function openGeneration(keyring: Keyring, row: StoredGenerationRow): Generation {
  const { sha256, certificate, key, chain, ra } = row;
  return restoreGeneration({
    certificate,
    key: key && keyring.open(keyPlace('key', sha256), key),
    chain,
    ra: ra && {
      certificate: ra.certificate,
      key: keyring.open(keyPlace('ra_key', sha256), ra.key),
    },
  });
}
