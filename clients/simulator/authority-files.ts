import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Authority } from './identity.ts';
import { certificatePem, makeAuthority, readAuthority } from './identity.ts';

/**
 * The authority kept in two PEM files, made and written when neither exists; without files one that
 * lives as long as the process.
 * @throws when only one of the files exists, or they do not belong together
 */
export async function authorityFrom(certFile?: string, keyFile?: string): Promise<Authority> {
  if (certFile === undefined || keyFile === undefined) return makeAuthority();
  const found = [certFile, keyFile].filter((file) => existsSync(file));
  if (found.length === 1) {
    throw new Error(`${found[0]} exists and its other half does not: give both or neither`);
  }
  if (found.length === 2) {
    return readAuthority(readFileSync(certFile, 'utf8'), readFileSync(keyFile, 'utf8'));
  }
  const authority = await makeAuthority();
  const key = authority.key.export({ format: 'pem', type: 'pkcs8' });
  writeFileSync(keyFile, key, { mode: 0o600 });
  writeFileSync(certFile, certificatePem(authority.certificate));
  return authority;
}
