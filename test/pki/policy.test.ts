import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { keyProblem } from '../../server/pki/key-policy.ts';
import { lint } from '../../server/pki/lint.ts';
import { alternativeNamesProblem, subjectProblem } from '../../server/pki/subject-policy.ts';
import { der, derOid, derSequence, derSet } from '../../server/protocol/cms/der-write.ts';
import type { CertificateContent } from '../../server/protocol/cms/x509-write.ts';
import { newSerial, writeCertificate, writeName } from '../../server/protocol/cms/x509-write.ts';
import { authority, ecKeys, now, rsaKeys, tomorrow } from '../protocol/authority.ts';

const rsa = rsaKeys();

describe('keys that get a certificate', () => {
  it('are RSA of 2048, 3072 and 4096 bits, and the three curves', () => {
    const modulus = (bits: number) => {
      // Any odd number without small factors serves: the policy can't tell a product of two primes.
      const n = Buffer.alloc(bits / 8, 0xff).fill(0x9d, bits / 8 - 1);
      for (;;) {
        const key = rsaKeyOf(n, 65_537);
        if (keyProblem(key) !== 'the RSA modulus has a small factor') return key;
        n.writeUInt16BE((n.readUInt16BE(n.length - 2) - 2) & 0xffff, n.length - 2);
      }
    };
    for (const bits of [2048, 3072, 4096]) expect(keyProblem(modulus(bits))).toBeNull();
    for (const curve of ['P-256', 'P-384', 'P-521']) {
      expect(keyProblem(ecKeys(curve).publicKey)).toBeNull();
    }
    expect(keyProblem(rsa.publicKey)).toBeNull();
  });

  it('are not of another size, curve or type', () => {
    expect(keyProblem(rsaKeys(512).publicKey)).toBe('RSA of 512 bits is not accepted');
    const small = rsaKeys(1024).publicKey;
    expect(keyProblem(small)).toBe('RSA of 1024 bits is not accepted');
    expect(keyProblem(small, { allowRsa1024: true })).toBeNull();
    expect(keyProblem(ecKeys('secp256k1').publicKey)).toBe('the curve is not accepted');
    expect(keyProblem(generateKeyPairSync('ed25519').publicKey)).toBe(
      'the type of key is not accepted',
    );
  });

  it('are not RSA with a small, even or huge exponent, or a modulus with a small factor', () => {
    const { n = '' } = rsa.publicKey.export({ format: 'jwk' });
    const modulus = Buffer.from(n, 'base64url');
    for (const exponent of [3, 65_536, 0x1_0000_0001]) {
      expect(keyProblem(rsaKeyOf(modulus, exponent))).toBe('the RSA exponent is not accepted');
    }
    const product = Buffer.alloc(256, 0xff);
    while (BigInt(`0x${product.toString('hex')}`) % 3n !== 0n) {
      product.writeUInt8(product.readUInt8(255) - 2, 255);
    }
    expect(keyProblem(rsaKeyOf(product, 65_537))).toBe('the RSA modulus has a small factor');
  });
});

function rsaKeyOf(modulus: Buffer, exponent: number) {
  const hex = exponent.toString(16);
  const e = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url');
  const key = { kty: 'RSA', n: modulus.toString('base64url'), e };
  return createPublicKey({ format: 'jwk', key });
}

describe('names that are put into certificates', () => {
  const name = (...texts: readonly string[]) =>
    derSequence(
      ...texts.map((text) =>
        derSet(derSequence(derOid('2.5.4.3'), der(0x0c, Buffer.from(text, 'latin1')))),
      ),
    );

  it('may be empty, or in any language', () => {
    expect(subjectProblem(writeName({}))).toBeNull();
    expect(
      subjectProblem(writeName({ organization: '株式会社', commonName: 'a,b=c+d' })),
    ).toBeNull();
  });

  it.each([
    ['a line feed', name('a\nb')],
    ['a NUL', name('a\0b')],
    ['a control character of Latin 1', name('a\xc2\x85b')],
    ['a line separator', name('\xe2\x80\xa8')],
    ['broken UTF-8', name('a\xff')],
    ['an empty part', name('')],
    ['a long part', name('x'.repeat(257))],
    ['many parts', name(...Array.from({ length: 25 }, () => 'x'))],
    ['many octets', name(...Array.from({ length: 20 }, () => 'x'.repeat(200)))],
    ['another structure', derSequence(derSequence())],
  ])('are refused with %s', (_, subject) => {
    expect(subjectProblem(subject)).not.toBeNull();
  });

  it('may have alternatives of the usual types', () => {
    const names = derSequence(
      der(0x82, Buffer.from('device.example.com')),
      der(0x81, Buffer.from('user@example.com')),
      der(0x86, Buffer.from('urn:device:1')),
      der(0x87, Buffer.from([192, 0, 2, 1])),
    );
    expect(alternativeNamesProblem(names)).toBeNull();
  });

  it.each([
    ['none', derSequence()],
    ['a blank in it', derSequence(der(0x82, Buffer.from('a b')))],
    ['an address of three octets', derSequence(der(0x87, Buffer.alloc(3)))],
    ['another type', derSequence(der(0xa4, derSequence()))],
    ['no list', der(0x82, Buffer.from('a'))],
  ])('are refused with alternatives: %s', (_, names) => {
    expect(alternativeNamesProblem(names)).not.toBeNull();
  });
});

describe('the last look at a certificate', () => {
  const ca = authority(rsaKeys(), 'CA');
  const subject = writeName({ commonName: 'device' });
  const intended = {
    subjectDer: subject,
    publicKeyDer: rsa.publicKey.export({ format: 'der', type: 'spki' }),
    issuer: ca.certificate,
    notBefore: now,
    notAfter: tomorrow,
  };
  const problems = (change: Partial<CertificateContent>) =>
    lint(
      writeCertificate({
        subject,
        publicKey: rsa.publicKey,
        issuer: ca.certificate,
        issuerKey: ca.privateKey,
        notBefore: now,
        notAfter: tomorrow,
        keyUsage: ['digitalSignature', 'keyEncipherment'],
        extendedKeyUsage: ['1.3.6.1.5.5.7.3.2'],
        ...change,
      }),
      intended,
    );

  it('finds nothing wrong with what was intended', () => {
    expect(problems({})).toEqual([]);
  });

  it.each<[string, Partial<CertificateContent>]>([
    ['it is an authority', { ca: true }],
    ['other usages', { keyUsage: ['keyCertSign'] }],
    ['other purposes', { extendedKeyUsage: ['1.3.6.1.5.5.7.3.1'] }],
    ['another subject', { subject: {} }],
    ['another key', { publicKey: ecKeys().publicKey }],
    ["the authority's own key", { publicKey: ca.publicKey }],
    ['the serial number is of a wrong size', { serial: Buffer.from([1]) }],
    ['it outlives its issuer', { notAfter: new Date(tomorrow.getTime() + 1000) }],
    ['another start', { notBefore: new Date(now.getTime() + 1000) }],
    ['another issuer', { issuer: authority(ca, 'Other').certificate }],
  ])('finds that %s', (problem, change) => {
    expect(problems(change)).toContain(problem);
  });

  it('comes after serial numbers that never repeat and are always positive', () => {
    const serials = Array.from({ length: 200 }, newSerial);
    expect(new Set(serials.map((serial) => serial.toString('hex'))).size).toBe(200);
    expect(serials.every((each) => each.length === 18 && each.readInt8(0) > 0)).toBe(true);
  });
});
