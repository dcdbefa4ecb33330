import { createPublicKey } from 'node:crypto';
import * as fc from 'fast-check';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { describe, expect, it } from 'vitest';
import { BerError } from '../../server/protocol/cms/ber.ts';
import {
  readCertificateRequest,
  requestedKey,
  requestSignatureHolds,
} from '../../server/protocol/cms/certificate-request.ts';
import { writeCertificateRequest } from '../../server/protocol/cms/certificate-request-write.ts';
import { der, derSequence } from '../../server/protocol/cms/der-write.ts';
import { formatName } from '../../server/protocol/cms/name.ts';
import { ecKeys, rsaKeys } from '../protocol/authority.ts';
import { damaged } from '../protocol/mutations.ts';
import '../protocol/second-opinion.ts';

const rsa = rsaKeys();
const p256 = ecKeys();
const names = derSequence(der(0x82, Buffer.from('device.example.com')));
const written = writeCertificateRequest({
  subject: { organization: 'Example', commonName: 'Größe' },
  key: rsa.privateKey,
  challengePassword: 'päss word',
  subjectAltName: names,
});

describe('certification requests', () => {
  it('are read as they were written', () => {
    const request = readCertificateRequest(written);
    expect(formatName(request.subjectDer)).toBe('CN=Größe,O=Example');
    expect(request.challengePassword).toBe('päss word');
    expect(request.subjectAltName).toEqual(names);
    expect(requestedKey(request).equals(rsa.publicKey)).toBe(true);
    expect(requestSignatureHolds(request)).toBe(true);
  });

  it('may have a key on a curve, an empty subject and no attributes', () => {
    const der = writeCertificateRequest({ subject: {}, key: p256.privateKey });
    const request = readCertificateRequest(der);
    expect(request.subjectDer.toString('hex')).toBe('3000');
    expect(request.challengePassword).toBeNull();
    expect(request.subjectAltName).toBeNull();
    expect(requestSignatureHolds(request)).toBe(true);
  });

  it('are taken by another reader too', async () => {
    const { result } = asn1js.fromBER(new Uint8Array(written));
    const request = new pkijs.CertificationRequest({ schema: result });
    expect(await request.verify()).toBe(true);
    expect(request.attributes?.map(({ type }) => type).toSorted()).toEqual([
      '1.2.840.113549.1.9.14',
      '1.2.840.113549.1.9.7',
    ]);
  });

  it('do not hold when signed by another key, or changed', () => {
    const request = readCertificateRequest(written);
    const publicKeyDer = createPublicKey(p256.privateKey).export({ format: 'der', type: 'spki' });
    expect(requestSignatureHolds({ ...request, publicKeyDer })).toBe(false);
    const changed = Buffer.from(written);
    const at = changed.indexOf('Example');
    changed.write('Exemple', at);
    expect(requestSignatureHolds(readCertificateRequest(changed))).toBe(false);
  });

  it('do not hold with a digest that is not accepted', () => {
    const request = readCertificateRequest(written);
    expect(requestSignatureHolds(request, (digest) => digest !== 'sha256')).toBe(false);
  });

  it('are refused when cut off at any octet', () => {
    for (let length = 0; length < written.length; length += 1) {
      expect(() => readCertificateRequest(written.subarray(0, length))).toThrow(BerError);
    }
  });

  it('damaged are refused, read or not signed, and never anything else', () => {
    fc.assert(
      fc.property(damaged(written), (bytes) => {
        try {
          requestSignatureHolds(readCertificateRequest(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(BerError);
        }
      }),
    );
  });
});
