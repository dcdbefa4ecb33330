import type { KeyObject } from 'node:crypto';

export interface KeyPolicy {
  /** Whether RSA keys of 1024 bits are accepted, what devices make without `Keysize`. @default false */
  readonly allowRsa1024?: boolean;
}

const rsaSizes: ReadonlySet<number> = new Set([2048, 3072, 4096]);
const curves: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/** Primes below 752; a modulus that one of them divides is broken, not weak. */
const smallPrimes = Array.from({ length: 750 }, (_, index) => index + 2).filter((candidate) =>
  Array.from({ length: 26 }, (_, index) => index + 2).every(
    (divisor) => divisor >= candidate || candidate % divisor !== 0,
  ),
);

/**
 * Why a key gets no certificate, or null if it does. RSA of 2048, 3072 or 4096 bits with an odd
 * exponent from 65537 to 2^32 and a modulus without small factors; the curves P-256, P-384, P-521.
 */
export function keyProblem(key: KeyObject, policy: KeyPolicy = {}): string | null {
  const {
    modulusLength = 0,
    publicExponent = 0n,
    namedCurve = '',
  } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec') {
    return curves.has(namedCurve) ? null : 'the curve is not accepted';
  }
  if (key.asymmetricKeyType !== 'rsa') return 'the type of key is not accepted';
  if (!rsaSizes.has(modulusLength) && !(policy.allowRsa1024 === true && modulusLength === 1024)) {
    return `RSA of ${modulusLength} bits is not accepted`;
  }
  // FIPS 186-5, A.1.1: odd, above 2^16; the upper bound keeps what uses the key fast.
  if (publicExponent < 65_537n || publicExponent > 2n ** 32n || publicExponent % 2n === 0n) {
    return 'the RSA exponent is not accepted';
  }
  return hasSmallFactor(key) ? 'the RSA modulus has a small factor' : null;
}

function hasSmallFactor(key: KeyObject): boolean {
  const { n = '' } = key.export({ format: 'jwk' });
  const modulus = BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`);
  return smallPrimes.some((prime) => modulus % BigInt(prime) === 0n);
}
