import { X509Certificate } from 'node:crypto';
import forge from 'node-forge';
import { describe, expect, it } from 'vitest';
import type { DeviceAuthority } from '../../server/pki/authority.ts';
import {
  generationName,
  issuingGeneration,
  renewed,
  trustedCertificates,
} from '../../server/pki/authority.ts';
import { makeGeneration } from '../../server/pki/make-authority.ts';
import { restoreGeneration, storeGeneration } from '../../server/pki/stored-authority.ts';
import { importExternal, importPem, importPkcs12 } from '../../server/pki/import-authority.ts';
import { readCertificate } from '../../server/protocol/cms/certificate.ts';
import type { Holder } from '../protocol/authority.ts';
import { authority, ecKeys, issue, now, pemOf, rsaKeys } from '../protocol/authority.ts';
import { selfSigned, send } from '../scep/requester.ts';
import { scepService } from './scep-service.ts';

const day = 86_400_000;
const later = (days: number) => new Date(now.getTime() + days * day);
const subject = { organization: 'Example', commonName: 'Device CA' };
const first = await makeGeneration({ subject, validDays: 100 }, now);
const root = authority(rsaKeys(), 'Root');
const keyPem = (holder: Holder, passphrase?: string) =>
  holder.privateKey
    .export({
      format: 'pem',
      type: 'pkcs8',
      ...(passphrase !== undefined && { cipher: 'aes-256-cbc', passphrase }),
    })
    .toString();

describe('an authority that is made', () => {
  it('is RSA of 2048 bits and can sign certificates and open envelopes', () => {
    const { certificate, ra } = first;
    expect(new X509Certificate(certificate.der).publicKey.asymmetricKeyDetails).toMatchObject({
      modulusLength: 2048,
    });
    expect(certificate.basicConstraints).toEqual({ ca: true, pathLength: 0 });
    expect([...(certificate.keyUsage ?? [])]).toEqual([
      'digitalSignature',
      'keyEncipherment',
      'keyCertSign',
      'cRLSign',
    ]);
    expect(ra).toBeNull();
  });

  it('of P-256 gets an RSA registration authority that is no device', async () => {
    const { certificate, ra } = await makeGeneration({ subject, key: 'ec' }, now);
    const raCertificate = ra?.certificate ?? certificate;
    expect(new X509Certificate(raCertificate.der).publicKey.asymmetricKeyType).toBe('rsa');
    expect(raCertificate.issuerDer).toEqual(certificate.subjectDer);
    expect(raCertificate.extendedKeyUsage).not.toContain('1.3.6.1.5.5.7.3.2');
    expect(raCertificate.basicConstraints?.ca ?? false).toBe(false);
  });

  it('comes back from what is stored', async () => {
    const ec = await makeGeneration({ subject, key: 'ec' }, now);
    for (const each of [first, ec]) {
      const back = restoreGeneration(storeGeneration(each));
      expect(storeGeneration(back)).toEqual(storeGeneration(each));
    }
  });
});

describe('the renewal of an authority', () => {
  it('puts the new one in front, and trusts the old until it ends', async () => {
    const next = await makeGeneration({ subject, validDays: 1000 }, later(80));
    const both = renewed({ generations: [first] }, next, later(80));
    expect(issuingGeneration(both, later(80))).toBe(next);
    expect(trustedCertificates(both, later(90))).toEqual([next.certificate, first.certificate]);
    expect(trustedCertificates(both, later(101))).toEqual([next.certificate]);
    expect(renewed(both, next, later(101)).generations).toEqual([next, next]);
  });

  it('still answers clients that know the old certificate, and issues from the new', async () => {
    const next = await makeGeneration({ subject: { commonName: 'Next' } }, now);
    const scep = scepService(first);
    const generations: DeviceAuthority['generations'] = [next, first];
    scep.authority = { generations };
    const name = generationName(first);
    const shown = await scep.respond({ operation: 'GetCACert', message: name });
    expect(shown.body).toEqual(first.certificate.der);
    const newest = await scep.respond({ operation: 'GetCACert', message: 'other' });
    expect(newest.body).toEqual(next.certificate.der);
    const device = selfSigned(rsaKeys());
    const reply = await scep.ask(send(device, first.certificate, { challenge: 'secret' }));
    const [der = Buffer.alloc(0)] = reply.status === 'success' ? reply.certificates : [];
    expect(readCertificate(der).issuerDer).toEqual(next.certificate.subjectDer);
  });

  it('leaves nobody to answer once all have ended', async () => {
    const scep = scepService(first);
    scep.time = later(101);
    expect(await scep.respond({ operation: 'GetCACert', message: null })).toMatchObject({
      status: 503,
    });
  });
});

describe('an authority that is brought along', () => {
  const usage = ['keyCertSign', 'cRLSign', 'digitalSignature', 'keyEncipherment'] as const;
  const subordinate = authority(rsaKeys(), 'Subordinate', root, { keyUsage: usage });
  const refused = (code: string) => expect.objectContaining({ code });

  it('is taken from PEM with the chain above it, encrypted or not', async () => {
    const certificates = subordinate.pem + root.pem;
    const plain = await importPem({ certificates, key: keyPem(subordinate) }, now);
    expect(plain.certificate.der).toEqual(subordinate.der);
    expect(plain.chain.map(({ der }) => der)).toEqual([root.der]);
    expect(plain.ra).toBeNull();
    const key = keyPem(subordinate, 'open');
    const opened = await importPem({ certificates, key, passphrase: 'open' }, now);
    expect(opened.certificate.der).toEqual(subordinate.der);
    await expect(importPem({ certificates, key, passphrase: 'shut' }, now)).rejects.toEqual(
      refused('CA_KEY_UNREADABLE'),
    );
  });

  it('gets a registration authority when it is for signing only', async () => {
    const { ra } = await importPem({ certificates: root.pem, key: keyPem(root) }, now);
    expect(ra?.certificate.issuerDer).toEqual(root.certificate.subjectDer);
    const ec = authority(ecKeys('P-384'), 'EC');
    const taken = await importPem({ certificates: ec.pem, key: keyPem(ec) }, now);
    expect(taken.ra?.key.asymmetricKeyType).toBe('rsa');
  });

  it('is refused when its key, its certificate or its time is wrong', async () => {
    const leaf = issue(rsaKeys(), root);
    const take = (certificates: string, key: string, at = now) =>
      importPem({ certificates, key }, at);
    await expect(take(root.pem, keyPem(leaf))).rejects.toEqual(refused('CA_KEY_MISMATCH'));
    await expect(take(leaf.pem, keyPem(leaf))).rejects.toEqual(refused('CA_NOT_AN_AUTHORITY'));
    await expect(take('nothing', keyPem(root))).rejects.toEqual(refused('CA_UNREADABLE'));
    await expect(take(root.pem, 'nothing')).rejects.toEqual(refused('CA_KEY_UNREADABLE'));
    await expect(take(root.pem, keyPem(root), later(2))).rejects.toEqual(refused('CA_NOT_VALID'));
    const weak = authority(rsaKeys(512), 'Weak');
    await expect(take(weak.pem, keyPem(weak))).rejects.toEqual(refused('CA_KEY_UNSUITABLE'));
  });

  it('is taken from PKCS #12', async () => {
    const certificates = [subordinate, root].map(({ pem }) => forge.pki.certificateFromPem(pem));
    const key = forge.pki.privateKeyFromPem(keyPem(subordinate));
    const asn1 = forge.pkcs12.toPkcs12Asn1(key, certificates, 'open', { count: 10 });
    const file = Buffer.from(forge.asn1.toDer(asn1).getBytes(), 'binary');
    const taken = await importPkcs12(file, 'open', now);
    expect(taken.certificate.der).toEqual(subordinate.der);
    expect(taken.chain.map(({ der }) => der)).toEqual([root.der]);
    await expect(importPkcs12(file, 'shut', now)).rejects.toEqual(refused('PKCS12_UNREADABLE'));
    await expect(importPkcs12(Buffer.from('no'), '', now)).rejects.toEqual(
      refused('PKCS12_UNREADABLE'),
    );
  });

  it('may be external: trusted, and nothing is issued', () => {
    const external = importExternal(pemOf(root.der), now);
    const authorities = { generations: [external] };
    expect(trustedCertificates(authorities, now)).toEqual([root.certificate]);
    expect(issuingGeneration(authorities, now)).toBeNull();
  });
});
