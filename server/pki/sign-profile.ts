import { writeSignedData } from '../protocol/cms/signed-data-write.ts';
import type { Certificate } from '../protocol/cms/certificate.ts';
import type { KeyHolder } from './authority.ts';

/** Who signs profiles: what devices show as "Signed by". */
export interface ProfileSigner extends KeyHolder {
  /** Certificates above it, which devices don't have. */
  readonly chain: readonly Certificate[];
}

/** Signs a profile as devices take it: a SignedData with the profile inside and the chain. @returns DER */
export function signProfile(profile: Buffer, { certificate, key, chain }: ProfileSigner): Buffer {
  return writeSignedData({
    content: profile,
    attached: true,
    key,
    certificate: certificate.der,
    intermediates: chain.map(({ der }) => der),
  });
}
