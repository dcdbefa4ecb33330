import type { KeyObject } from 'node:crypto';
import { createHash, constants, sign, webcrypto, X509Certificate } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BerError, tag } from '../../server/protocol/cms/ber.ts';
import { publicKeyOf, readCertificate } from '../../server/protocol/cms/certificate.ts';
import {
  der,
  derBits,
  derContext,
  derInteger,
  derNull,
  derOctets,
  derOid,
  derSequence,
  derSet,
} from '../../server/protocol/cms/der-write.ts';
import { oid } from '../../server/protocol/cms/oids.ts';
import { signDetached } from '../../server/protocol/cms/sign.ts';
import { parseSignedData } from '../../server/protocol/cms/signed-data.ts';
import { verifyDetached } from '../../server/protocol/cms/verify.ts';
import { recorded } from '../recorded/read.ts';
import { authority, ecKeys, type Holder, issue, now, rsaKeys, tomorrow } from './authority.ts';
import { damaged } from './mutations.ts';
import { pkijsAccepts, pkijsSigns } from './second-opinion.ts';

const body = Buffer.from('<plist><dict><key>Status</key><string>Idle</string></dict></plist>');
const changed = Buffer.concat([body, Buffer.from(' ')]);
const root = authority(ecKeys(), 'Root');
const rsa = issue(rsaKeys(), root, { subject: {} });
const p256 = issue(ecKeys(), root, { subject: { commonName: 'p256' } });
const p384 = issue(ecKeys('P-384'), root, { subject: { commonName: 'p384' } });
const p521 = issue(ecKeys('P-521'), root, { subject: { commonName: 'p521' } });

function verdict(cms: Buffer, over: Buffer, holder: Holder, refuseSha1 = false): string {
  try {
    const { notBefore, notAfter } = holder.certificate;
    const signer = { publicKey: holder.publicKey, notBefore, notAfter };
    return verifyDetached(parseSignedData(cms), over, signer, { refuseSha1 });
  } catch (error) {
    if (error instanceof BerError) return 'unreadable';
    throw error;
  }
}

/** A signature put together piece by piece, so that each piece can be wrong. */
function handmade(
  holder: Holder,
  parts: {
    readonly digest?: Buffer;
    readonly algorithm?: Buffer;
    readonly signature?: Buffer;
    readonly signerId?: Buffer;
    readonly attributes?: Buffer;
    readonly type?: string;
    readonly content?: Buffer;
    readonly signers?: number;
    readonly certificates?: number;
  },
): Buffer {
  const { issuerDer, serial } = holder.certificate;
  const digest = parts.digest ?? derSequence(derOid(oid.sha256));
  const signer = derSequence(
    derInteger(1),
    parts.signerId ?? derSequence(issuerDer, der(tag.integer, serial)),
    digest,
    ...(parts.attributes === undefined ? [] : [parts.attributes]),
    parts.algorithm ?? derSequence(derOid(oid.sha256WithRsa), derNull()),
    derOctets(parts.signature ?? sign('sha256', body, holder.privateKey)),
  );
  const content = parts.content === undefined ? [] : [derContext(0, derOctets(parts.content))];
  return derSequence(
    derOid(oid.signedData),
    derContext(
      0,
      derSequence(
        derInteger(1),
        derSet(digest),
        derSequence(derOid(parts.type ?? oid.data), ...content),
        derContext(0, ...Array.from({ length: parts.certificates ?? 1 }, () => holder.der)),
        derSet(...Array.from({ length: parts.signers ?? 1 }, () => signer)),
      ),
    ),
  );
}

function attributesOf(...pairs: readonly (readonly [string, ...Buffer[]])[]): Buffer {
  const set = derSet(
    ...pairs.map(([type, ...values]) => derSequence(derOid(type), derSet(...values))),
  );
  return set;
}

function withAttributes(set: Buffer, key: KeyObject): { attributes: Buffer; signature: Buffer } {
  const attributes = Buffer.from(set);
  attributes[0] = 0xa0;
  return { attributes, signature: sign('sha256', set, key) };
}

const digestOfBody = derOctets(createHash('sha256').update(body).digest());

describe('signatures of messages', () => {
  it('holds for what a real device signed: BER, SHA-1, no attributes, an empty subject', () => {
    const signed = parseSignedData(
      Buffer.from(recorded('mdm-signature-2.b64').toString(), 'base64'),
    );
    const [only, ...others] = signed.certificates;
    const certificate = readCertificate(only ?? Buffer.alloc(0));
    const signer = { ...certificate, publicKey: publicKeyOf(certificate) };
    const message = recorded('mdm-signature-2.body.plist');
    expect(others).toEqual([]);
    expect(certificate.subjectDer.toString('hex')).toBe('3000');
    expect(signed.signedAttributes).toBeNull();
    expect(verifyDetached(signed, message, signer)).toBe('holds');
    expect(verifyDetached(signed, message, signer, { refuseSha1: true })).toBe('sha1-refused');
    expect(verifyDetached(signed, message.subarray(1), signer)).toBe('signature-mismatch');
  });

  it("reads a second real device's signature", () => {
    const signed = parseSignedData(
      Buffer.from(recorded('mdm-signature-1.b64').toString(), 'base64'),
    );
    expect(signed.certificates).toHaveLength(1);
    expect(signed.contentType).toBe(oid.data);
  });

  describe.each([
    ['RSA', rsa],
    ['P-256', p256],
    ['P-384', p384],
    ['P-521', p521],
  ])('by %s', (_, holder) => {
    it.each(['apple', 'modern'] as const)('in %s style holds, and pkijs agrees', async (style) => {
      const { privateKey: key, der: certificate } = holder;
      const cms = signDetached({ body, key, certificate, style, intermediates: [root.der] });
      expect(verdict(cms, body, holder)).toBe('holds');
      expect(verdict(cms, changed, holder)).toBe('signature-mismatch');
      expect(await pkijsAccepts(cms, body)).toBe(true);
      expect(await pkijsAccepts(cms, changed)).toBe(false);
    });

    it('does not hold by another key', () => {
      const { privateKey: key, der: certificate } = holder;
      const cms = signDetached({ body, key, certificate, style: 'modern' });
      for (const other of [rsa, p256, p384, p521]) {
        if (other !== holder) expect(verdict(cms, body, other)).toBe('signature-mismatch');
      }
    });
  });

  it.each([
    ['RSASSA-PKCS1-v1_5', 'SHA-1', true],
    ['RSASSA-PKCS1-v1_5', 'SHA-256', false],
    ['RSASSA-PKCS1-v1_5', 'SHA-384', true],
    ['RSASSA-PKCS1-v1_5', 'SHA-512', false],
    ['RSA-PSS', 'SHA-256', true],
    ['RSA-PSS', 'SHA-512', false],
    ['ECDSA', 'SHA-256', true],
    ['ECDSA', 'SHA-512', false],
  ])('holds for what pkijs signs with %s and %s, attributes %s', async (name, hash, attributes) => {
    const ec = name === 'ECDSA';
    const holder = ec ? p256 : rsa;
    const pkcs8 = holder.privateKey.export({ format: 'der', type: 'pkcs8' });
    const parameters = ec ? { name, namedCurve: 'P-256' } : { name, hash };
    const privateKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, parameters, true, ['sign']);
    const cms = await pkijsSigns({
      body,
      certificate: holder.der,
      privateKey,
      hash,
      attributes,
    });
    expect(await pkijsAccepts(cms, body)).toBe(true);
    expect(verdict(cms, body, holder)).toBe('holds');
    expect(verdict(cms, changed, holder)).toBe('signature-mismatch');
  });

  it('finds the signer by its subject key identifier', () => {
    const keyId = rsa.certificate.subjectKeyId ?? Buffer.alloc(0);
    const signed = parseSignedData(handmade(rsa, { signerId: der(0x80, keyId) }));
    expect(signed.signerId).toEqual({ subjectKeyId: keyId });
  });

  it('lets the body take the place of attached content', () => {
    expect(verdict(handmade(rsa, { content: Buffer.from('other') }), body, rsa)).toBe('holds');
    expect(verdict(handmade(rsa, { content: body }), changed, rsa)).toBe('signature-mismatch');
  });

  it('accepts an algorithm that names only the kind of key', () => {
    const algorithm = derSequence(derOid(oid.rsa), derNull());
    expect(verdict(handmade(rsa, { algorithm }), body, rsa)).toBe('holds');
  });

  const md5 = derSequence(derOid('1.2.840.113549.2.5'), derNull());
  it.each([
    ['MD5', { digest: md5, signature: sign('md5', body, rsa.privateKey) }, 'digest-refused'],
    [
      'MD5 with RSA by SHA-256',
      { algorithm: derSequence(derOid(oid.md5WithRsa), derNull()) },
      'algorithm-refused',
    ],
    [
      'a digest that is not that of the algorithm',
      { algorithm: derSequence(derOid('1.2.840.113549.1.1.13'), derNull()) },
      'algorithm-refused',
    ],
    [
      'an RSA key with ECDSA',
      { algorithm: derSequence(derOid(oid.ecdsaWithSha256)) },
      'signature-mismatch',
    ],
    ['other content than data', { type: oid.signedData }, 'bad-attributes'],
    ['two signers', { signers: 2 }, 'unreadable'],
    ['no signer', { signers: 0 }, 'unreadable'],
    ['eleven certificates', { certificates: 11 }, 'unreadable'],
    ['an empty signature', { signature: Buffer.alloc(0) }, 'signature-mismatch'],
  ])('refuses %s', (_, parts, code) => {
    expect(verdict(handmade(rsa, parts), body, rsa)).toBe(code);
  });

  it('refuses PSS whose mask uses another digest', () => {
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    const signature = sign('sha256', body, { key: rsa.privateKey, padding, saltLength: 32 });
    const pss = (mask: string) =>
      derSequence(
        derOid(oid.rsaPss),
        derSequence(
          derContext(0, derSequence(derOid(oid.sha256))),
          derContext(1, derSequence(derOid(oid.mgf1), derSequence(derOid(mask)))),
          derContext(2, derInteger(32)),
        ),
      );
    expect(verdict(handmade(rsa, { algorithm: pss(oid.sha256), signature }), body, rsa)).toBe(
      'holds',
    );
    expect(verdict(handmade(rsa, { algorithm: pss(oid.sha1), signature }), body, rsa)).toBe(
      'algorithm-refused',
    );
  });

  const utc = (text: string) => der(tag.utcTime, Buffer.from(text));
  it.each([
    [
      'all they need',
      [
        [oid.contentType, derOid(oid.data)],
        [oid.messageDigest, digestOfBody],
      ],
      'holds',
    ],
    [
      'a signing time',
      [
        [oid.contentType, derOid(oid.data)],
        [oid.messageDigest, digestOfBody],
        [oid.signingTime, utc('260615120000Z')],
      ],
      'holds',
    ],
    [
      "a signing time outside of the certificate's validity",
      [
        [oid.contentType, derOid(oid.data)],
        [oid.messageDigest, digestOfBody],
        [oid.signingTime, utc('250615120000Z')],
      ],
      'bad-signing-time',
    ],
    ['no digest', [[oid.contentType, derOid(oid.data)]], 'bad-attributes'],
    ['no content type', [[oid.messageDigest, digestOfBody]], 'bad-attributes'],
    [
      'another content type',
      [
        [oid.contentType, derOid(oid.signedData)],
        [oid.messageDigest, digestOfBody],
      ],
      'bad-attributes',
    ],
    [
      'a wrong digest',
      [
        [oid.contentType, derOid(oid.data)],
        [oid.messageDigest, derOctets(Buffer.alloc(32))],
      ],
      'signature-mismatch',
    ],
    [
      'two digests',
      [
        [oid.contentType, derOid(oid.data)],
        [oid.messageDigest, digestOfBody],
        [oid.messageDigest, derOctets(Buffer.alloc(32))],
      ],
      'bad-attributes',
    ],
    [
      'a digest of two values',
      [
        [oid.contentType, derOid(oid.data)],
        [oid.messageDigest, digestOfBody, derOctets(Buffer.alloc(32))],
      ],
      'bad-attributes',
    ],
  ] as const)('judges signed attributes with %s', (_, pairs, code) => {
    const set = attributesOf(...pairs);
    expect(verdict(handmade(rsa, withAttributes(set, rsa.privateKey)), body, rsa)).toBe(code);
  });

  it('does not take the attributes of one message for another body', () => {
    // The DER of a SET of attributes is itself a body that somebody may be led to sign.
    const set = attributesOf(
      [oid.contentType, derOid(oid.data)],
      [oid.messageDigest, digestOfBody],
    );
    const { attributes, signature } = withAttributes(set, rsa.privateKey);
    expect(verdict(handmade(rsa, { attributes, signature }), body, rsa)).toBe('holds');
    expect(verdict(handmade(rsa, { attributes, signature }), set, rsa)).toBe('signature-mismatch');
  });

  it('refuses a signature that is cut anywhere, or has bytes behind', () => {
    const { privateKey: key, der: certificate } = rsa;
    for (const style of ['apple', 'modern'] as const) {
      const cms = signDetached({ body, key, certificate, style });
      for (let length = 0; length < cms.length; length += 1) {
        expect(() => parseSignedData(cms.subarray(0, length))).toThrow(BerError);
      }
      expect(() => parseSignedData(Buffer.concat([cms, Buffer.from([0])]))).toThrow(BerError);
    }
  });

  it('answers damaged ones with a verdict or a BerError, and never holds for another body', () => {
    const styles = ['apple', 'modern'] as const;
    const corpus = styles.map((style) =>
      signDetached({ body, key: rsa.privateKey, certificate: rsa.der, style, signingTime: now }),
    );
    fc.assert(
      fc.property(damaged(...corpus), (cms) => {
        expect(verdict(cms, changed, rsa)).not.toBe('holds');
      }),
      { numRuns: 300 },
    );
  });

  it('refuses indefinite lengths nested without end, quickly', () => {
    expect(() => parseSignedData(Buffer.alloc(48_000, Buffer.from([0x30, 0x80])))).toThrow(
      BerError,
    );
    const closed = Buffer.concat([
      Buffer.alloc(24_000, Buffer.from([0x30, 0x80])),
      Buffer.alloc(24_000),
    ]);
    expect(() => parseSignedData(closed)).toThrow(BerError);
  });

  it('refuses high tag numbers', () => {
    expect(() => parseSignedData(Buffer.from([0x3f, 0x81, 0x00, 0x00]))).toThrow(BerError);
  });
});

describe('certificates', () => {
  it('are read as OpenSSL reads them', () => {
    for (const holder of [root, rsa, p256, p384, p521]) {
      const { certificate } = holder;
      const other = new X509Certificate(holder.der);
      expect(other.verify(root.publicKey)).toBe(true);
      expect(certificate.serial.toString('hex').replace(/^00/, '').toUpperCase()).toBe(
        other.serialNumber,
      );
      expect(certificate.notBefore).toEqual(new Date(other.validFrom));
      expect(certificate.notAfter).toEqual(new Date(other.validTo));
      expect(certificate.basicConstraints?.ca ?? false).toBe(other.ca);
      expect(publicKeyOf(certificate).equals(other.publicKey)).toBe(true);
    }
    expect(new X509Certificate(rsa.der).checkIssued(new X509Certificate(root.der))).toBe(true);
  });

  it('carry what was asked for', () => {
    const { certificate } = issue(p256, root, {
      subject: { commonName: 'x', organization: 'o', userId: 'com.apple.mgmt.External.1' },
      keyUsage: ['digitalSignature', 'keyEncipherment', 'decipherOnly'],
      extendedKeyUsage: [oid.clientAuth, '1.2.3.999999'],
      ca: { pathLength: 3 },
      serial: Buffer.from([0xff, 0x01]),
      notAfter: new Date('2051-01-01T00:00:00Z'),
    });
    expect(certificate.keyUsage).toEqual(
      new Set(['digitalSignature', 'keyEncipherment', 'decipherOnly']),
    );
    expect(certificate.extendedKeyUsage).toEqual([oid.clientAuth, '1.2.3.999999']);
    expect(certificate.basicConstraints).toEqual({ ca: true, pathLength: 3 });
    expect(certificate.serial.toString('hex')).toBe('00ff01');
    expect(certificate.notAfter).toEqual(new Date('2051-01-01T00:00:00Z'));
    expect(certificate.authorityKeyId).toEqual(root.certificate.subjectKeyId);
    expect(certificate.unknownCritical).toEqual([]);
  });

  it('are never read from damaged bytes but whole or as a BerError', () => {
    fc.assert(
      fc.property(damaged(rsa.der, root.der), (bytes) => {
        try {
          readCertificate(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(BerError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('with a time that does not exist are refused', () => {
    const wrong = Buffer.from(root.der);
    const place = wrong.indexOf('260616120000Z');
    expect(readCertificate(wrong).notAfter).toEqual(tomorrow);
    wrong.write('260631120000Z', place);
    expect(() => readCertificate(wrong)).toThrow(BerError);
  });

  it('without a usable key are refused when the key is asked for', () => {
    const { certificate } = rsa;
    const publicKeyDer = derSequence(derSequence(derOid('1.2.3.4')), derBits(Buffer.alloc(4)));
    expect(() => publicKeyOf({ ...certificate, publicKeyDer })).toThrow(BerError);
  });
});
