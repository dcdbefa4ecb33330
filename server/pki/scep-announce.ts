import { writeCertsOnly } from '../protocol/cms/certs-only.ts';
import { writeCapabilities } from '../protocol/scep/capabilities.ts';
import type { IssuingGeneration } from './authority.ts';
import { generationName, shownCertificates } from './authority.ts';
import type { ScepAnswer, ScepPolicy, ScepRequest } from './scep-types.ts';

/** The answer to GetCACaps. */
export function capabilitiesAnswer({ refuseSha1 = false }: ScepPolicy): ScepAnswer {
  const body = writeCapabilities([
    'POSTPKIOperation',
    ...(refuseSha1 ? [] : (['SHA-1'] as const)),
    'SHA-256',
    'SHA-512',
    'AES',
    'DES3',
    'SCEPStandard',
    'Renewal',
  ]);
  return { status: 200, contentType: 'text/plain', body };
}

/**
 * The answer to GetCACert.
 * @param name         the generation that the client's profile was made with; any other name is
 *   passed over, since clients send names of their own
 * @param generations  newest first
 */
export function certificatesAnswer(
  name: ScepRequest['message'],
  generations: readonly [IssuingGeneration, ...IssuingGeneration[]],
): ScepAnswer {
  const [newest] = generations;
  const generation = generations.find((each) => generationName(each) === name) ?? newest;
  const [only = Buffer.alloc(0), ...more] = shownCertificates(generation);
  return more.length === 0
    ? { status: 200, contentType: 'application/x-x509-ca-cert', body: only }
    : {
        status: 200,
        contentType: 'application/x-x509-ca-ra-cert',
        body: writeCertsOnly([only, ...more]),
      };
}

/** An answer in words, outside of SCEP. */
export function plain(status: ScepAnswer['status'], text: string): ScepAnswer {
  return { status, contentType: 'text/plain', body: Buffer.from(`${text}\n`) };
}
