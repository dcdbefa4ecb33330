import { createHash, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { makeGeneration } from '../../server/pki/make-authority.ts';
import { readCertificate } from '../../server/protocol/cms/certificate.ts';
import { writeCertificateRequest } from '../../server/protocol/cms/certificate-request-write.ts';
import { readCertsOnly } from '../../server/protocol/cms/certs-only.ts';
import { der, derOid, derSequence, derSet } from '../../server/protocol/cms/der-write.ts';
import { writeSignedData } from '../../server/protocol/cms/signed-data-write.ts';
import { writeScepAttributes } from '../../server/protocol/scep/attributes.ts';
import { readPkiMessage } from '../../server/protocol/scep/pki-message.ts';
import { writeIssuerAndSerial, writeIssuerAndSubject } from '../../server/protocol/scep/names.ts';
import type { CertRep } from '../../server/protocol/scep/client.ts';
import type { Holder } from '../protocol/authority.ts';
import { authority, ecKeys, issue, now, rsaKeys } from '../protocol/authority.ts';
import { selfSigned, send } from '../scep/requester.ts';
import { scepService } from './scep-service.ts';

const generation = await makeGeneration({ subject: { commonName: 'Device CA' } }, now);
const recipient = generation.certificate;
const device = selfSigned(rsaKeys());
const another = selfSigned(rsaKeys());
const third = selfSigned(rsaKeys());
const day = 86_400_000;

const service = (policy = {}) => scepService(generation, policy);
const challenge = 'secret';
const failure = (failInfo: string) => ({ status: 'failure', failInfo });

function certificateIn(reply: CertRep): Buffer {
  const [certificate] = reply.status === 'success' ? reply.certificates : [];
  expect(reply.status).toBe('success');
  return certificate ?? Buffer.alloc(0);
}

/** A device with the certificate that it got. */
const holding = (holder: Holder, certificate: Buffer): Holder => ({
  ...holder,
  der: certificate,
  certificate: readCertificate(certificate),
});

describe('what a SCEP server says of itself', () => {
  it('names its capabilities', async () => {
    const answer = await service().respond({ operation: 'GetCACaps', message: null });
    expect(answer).toMatchObject({ status: 200, contentType: 'text/plain' });
    expect(answer.body.toString()).toBe(
      'POSTPKIOperation\nSHA-1\nSHA-256\nSHA-512\nAES\nDES3\nSCEPStandard\nRenewal\n',
    );
  });

  it('shows one certificate as it is', async () => {
    const answer = await service().respond({ operation: 'GetCACert', message: '' });
    expect(answer.contentType).toBe('application/x-x509-ca-cert');
    expect(answer.body).toEqual(recipient.der);
  });

  it('shows a registration authority before its authority', async () => {
    const ec = await makeGeneration({ subject: { commonName: 'EC CA' }, key: 'ec' }, now);
    const answer = await scepService(ec).respond({ operation: 'GetCACert', message: null });
    expect(answer.contentType).toBe('application/x-x509-ca-ra-cert');
    expect(readCertsOnly(answer.body)).toEqual([ec.ra?.certificate.der, ec.certificate.der]);
  });

  it('refuses other operations, and messages that are none, without a reply of SCEP', async () => {
    const ask = service().respond;
    expect(await ask({ operation: 'GetNextCACert', message: null })).toMatchObject({ status: 400 });
    expect(await ask({ operation: null, message: null })).toMatchObject({ status: 400 });
    for (const message of [null, '', 'no base64!', Buffer.from('x'), recipient.der]) {
      expect(await ask({ operation: 'PKIOperation', message })).toMatchObject({ status: 400 });
    }
    const message = Buffer.alloc(64 * 1024 + 1, 0x30);
    expect(await ask({ operation: 'PKIOperation', message })).toMatchObject({ status: 413 });
  });
});

describe('a first certificate', () => {
  it('is issued for a challenge, and recorded before and after it is signed', async () => {
    const scep = service();
    const der = certificateIn(await scep.ask(send(device, recipient, { challenge })));
    const certificate = readCertificate(der);
    const { memory } = scep;
    expect(memory.begun).toHaveLength(1);
    expect(memory.issued).toHaveLength(1);
    expect(memory.issued[0]).toMatchObject({
      transactionId: 'transaction-1',
      grant: 'invitation secret',
      renewalOf: null,
      subject: 'CN=device,O=Example',
      serial: certificate.serial.toString('hex'),
      sha256: createHash('sha256').update(der).digest(),
      notAfter: certificate.notAfter,
    });
    expect(certificate.publicKeyDer).toEqual(device.certificate.publicKeyDer);
    expect(certificate.notAfter).toEqual(new Date(now.getTime() + 365 * day));
    expect(certificate.extendedKeyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect([...(certificate.keyUsage ?? [])]).toEqual(['digitalSignature', 'keyEncipherment']);
    expect(new X509Certificate(der).verify(new X509Certificate(recipient.der).publicKey)).toBe(
      true,
    );
  });

  it('is issued by GET too, also where pluses became blanks', async () => {
    const { bytes } = send(device, recipient, { challenge });
    const message = bytes.toString('base64').replaceAll('+', ' ');
    const answer = await service().respond({ operation: 'PKIOperation', message });
    expect(answer.contentType).toBe('application/x-pki-message');
    expect(readPkiMessage(answer.body).pkiStatus).toBe('success');
  });

  it.each(['des-cbc', 'des-ede3-cbc', 'aes-128-cbc', 'aes-256-cbc', 'aes-128-gcm'] as const)(
    'comes back in the cipher of the request: %s',
    async (cipher) => {
      const reply = await service().ask(send(device, recipient, { challenge, cipher }));
      expect(reply).toMatchObject({ status: 'success', cipher });
    },
  );

  it('is refused in single DES, and with SHA-1, where the policy says so', async () => {
    const des = send(device, recipient, { challenge, cipher: 'des-cbc' });
    const sha1 = send(device, recipient, { challenge, digest: 'sha1' });
    expect(await service({ refuseSingleDes: true }).ask(des)).toEqual(failure('badAlg'));
    expect(await service({ refuseSha1: true }).ask(sha1)).toEqual(failure('badAlg'));
    expect(await service().ask(sha1)).toMatchObject({ status: 'success' });
  });

  it('comes from a P-256 authority through its RSA registration authority', async () => {
    const ec = await makeGeneration({ subject: { commonName: 'EC CA' }, key: 'ec' }, now);
    const ra = ec.ra?.certificate ?? ec.certificate;
    const der = certificateIn(await scepService(ec).ask(send(device, ra, { challenge })));
    expect(new X509Certificate(der).verify(new X509Certificate(ec.certificate.der).publicKey)).toBe(
      true,
    );
  });

  it('is refused without a challenge, with an unknown or with an expired one', async () => {
    const scep = service();
    const ask = (parts: object) => scep.ask(send(device, recipient, parts));
    expect(await ask({})).toEqual(failure('badRequest'));
    expect(await ask({ challenge: 'guess' })).toEqual(failure('badRequest'));
    scep.time = new Date(now.getTime() + 2 * day);
    expect(await ask({ challenge })).toEqual(failure('badRequest'));
    expect(scep.memory.begun).toEqual([]);
  });

  it('is sent again when the same transaction asks with the same key', async () => {
    const scep = service();
    const first = await scep.ask(send(device, recipient, { challenge }));
    const again = await scep.ask(send(device, recipient, { challenge }));
    expect(certificateIn(again)).toEqual(certificateIn(first));
    expect(scep.memory.issued).toHaveLength(1);
  });

  it('is refused when the same transaction asks with another key', async () => {
    const scep = service();
    scep.memory.addChallenge('shared', new Date(now.getTime() + day), 10);
    await scep.ask(send(device, recipient, { challenge: 'shared' }));
    const reply = await scep.ask(send(another, recipient, { challenge: 'shared' }));
    expect(reply).toEqual(failure('badRequest'));
  });

  it('is another one when another challenge allows it, though transaction and key are the same', async () => {
    const scep = service();
    scep.memory.addChallenge('second', new Date(now.getTime() + day));
    const first = certificateIn(await scep.ask(send(device, recipient, { challenge })));
    const sent = send(device, recipient, { challenge: 'second' });
    expect(certificateIn(await scep.ask(sent))).not.toEqual(first);
  });

  it('goes to exactly one of two devices that race for a one-time challenge', async () => {
    const scep = service();
    const replies = await Promise.all([
      scep.ask(send(device, recipient, { challenge, transactionId: 'one' })),
      scep.ask(send(another, recipient, { challenge, transactionId: 'two' })),
    ]);
    expect(replies.map(({ status }) => status).toSorted()).toEqual(['failure', 'success']);
    expect(scep.memory.issued).toHaveLength(1);
  });

  it('is one and the same when a device repeats its request before the first is answered', async () => {
    const scep = service();
    const sent = send(device, recipient, { challenge });
    const [one, two] = await Promise.all([scep.ask(sent), scep.ask(sent)]);
    expect(certificateIn(one)).toEqual(certificateIn(two));
    expect(scep.memory.issued).toHaveLength(1);
  });

  it('does not exist if it could not be recorded', async () => {
    const scep = service();
    const { begin } = scep.memory.record;
    scep.memory.record.begin = () => Promise.reject(new Error('no database'));
    await expect(scep.ask(send(device, recipient, { challenge }))).rejects.toThrow('no database');
    expect(scep.memory.issued).toEqual([]);
    scep.memory.record.begin = begin;
    certificateIn(await scep.ask(send(device, recipient, { challenge })));
  });
});

describe('a wrong request for a certificate', () => {
  const subjectOf = (text: string) =>
    derSequence(derSet(derSequence(derOid('2.5.4.3'), der(0x0c, Buffer.from(text)))));
  const requestWith = (over: object) =>
    writeCertificateRequest({
      subject: {},
      key: device.privateKey,
      challengePassword: challenge,
      ...over,
    });
  const ask = (content: Buffer, policy = {}) =>
    service(policy).ask(send(device, recipient, { content }));

  it('is refused when its own signature does not hold', async () => {
    const content = requestWith({});
    content.writeUInt8(content.readUInt8(content.length - 1) ^ 1, content.length - 1);
    expect(await ask(content)).toEqual(failure('badMessageCheck'));
  });

  it('is taken when another key signs the message: clients make one for that alone', async () => {
    const reply = await ask(requestWith({ key: another.privateKey }));
    const { publicKeyDer } = readCertificate(certificateIn(reply));
    expect(publicKeyDer).toEqual(another.certificate.publicKeyDer);
  });

  it('is refused with control characters in its subject', async () => {
    expect(await ask(requestWith({ subject: subjectOf('two\nlines') }))).toEqual(
      failure('badRequest'),
    );
    expect(await ask(requestWith({ subject: subjectOf('x'.repeat(300)) }))).toEqual(
      failure('badRequest'),
    );
    expect(await ask(requestWith({ subject: subjectOf('Größe') }))).toMatchObject({
      status: 'success',
    });
  });

  it('is taken with an empty subject', async () => {
    const der = certificateIn(await ask(requestWith({})));
    expect(readCertificate(der).subjectDer.toString('hex')).toBe('3000');
  });

  it('is refused with RSA 512, and with RSA 1024 unless a setting allows it', async () => {
    const small = selfSigned(rsaKeys(1024));
    const sent = send(small, recipient, { challenge });
    expect(await service().ask(sent)).toEqual(failure('badAlg'));
    expect(await service({ allowRsa1024: true }).ask(sent)).toMatchObject({ status: 'success' });
    const tiny = rsaKeys(512);
    const content = requestWith({ key: tiny.privateKey });
    expect(await ask(content)).toMatchObject({ status: 'failure' });
  });

  it('is refused when an RSA-512 or an elliptic key signs the message', async () => {
    for (const keys of [rsaKeys(512), ecKeys()]) {
      const signer = selfSigned(keys);
      const sent = send(signer, recipient, { challenge });
      const { body } = await service().respond({ operation: 'PKIOperation', message: sent.bytes });
      expect(readPkiMessage(body).failInfo).toBe('badAlg');
    }
  });

  it('is refused for the key of the authority itself', async () => {
    const own = { ...device, privateKey: generation.key, certificate: recipient };
    const sent = send(own, recipient, { challenge });
    expect(await service().ask(sent)).toEqual(failure('badRequest'));
  });

  it('leaves alternative names out, or keeps them where the policy says so', async () => {
    const content = requestWith({
      subjectAltName: derSequence(der(0x82, Buffer.from('device.example.com'))),
    });
    const namesIn = async (policy: object) =>
      new X509Certificate(certificateIn(await ask(content, policy))).subjectAltName;
    expect(await namesIn({})).toBeUndefined();
    expect(await namesIn({ keepAlternativeNames: true })).toBe('DNS:device.example.com');
  });
});

describe('what cannot be opened', () => {
  const good = send(device, recipient, { challenge });
  const envelope = readPkiMessage(good.bytes).envelope ?? Buffer.alloc(0);

  /** The reply to a message with another envelope, signed as it should be. */
  async function replyTo(changed: Buffer) {
    const bytes = writeSignedData({
      content: changed,
      attached: true,
      key: device.privateKey,
      certificate: device.der,
      attributes: writeScepAttributes({
        messageType: 'PKCSReq',
        transactionId: good.request.transactionId,
        senderNonce: good.request.senderNonce,
        recipientNonce: null,
        pkiStatus: null,
        failInfo: null,
      }),
    });
    return service().ask({ request: good.request, bytes });
  }

  const flipped = (at: number) => {
    const copy = Buffer.from(envelope);
    copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
    return copy;
  };

  it('is answered the same whether key, padding, content or signature is wrong', async () => {
    const wrappedKey = envelope.indexOf(Buffer.from([0x04, 0x82, 0x01, 0x00])) + 4;
    const iv = envelope.indexOf(Buffer.from([0x04, 0x10]), wrappedKey + 256) + 2;
    const places = {
      key: wrappedKey + 100,
      'lowest bit of the key': wrappedKey + 255,
      'first block': iv,
      'middle of the content': iv + 300,
      'last block, so the signature': envelope.length - 40,
      padding: envelope.length - 17,
    };
    expect(await replyTo(envelope)).toMatchObject({ status: 'success' });
    for (const [place, at] of Object.entries(places)) {
      expect([place, await replyTo(flipped(at))]).toEqual([place, failure('badMessageCheck')]);
    }
    const other = authority(rsaKeys(), 'Device CA');
    const wrong = await service().ask(send(device, other.certificate, { challenge }));
    expect(wrong).toEqual(failure('badMessageCheck'));
    const garbage = send(device, recipient, { content: Buffer.from('no request') });
    expect(await service().ask(garbage)).toEqual(failure('badMessageCheck'));
  });

  it('is refused when cut off at any octet, and nothing is issued', async () => {
    const scep = service();
    for (let length = 0; length < good.bytes.length; length += 1) {
      const message = good.bytes.subarray(0, length);
      const { status } = await scep.respond({ operation: 'PKIOperation', message });
      expect([length, status]).toEqual([length, 400]);
    }
    for (let length = 0; length < envelope.length; length += 29) {
      expect(await replyTo(envelope.subarray(0, length))).toEqual(failure('badMessageCheck'));
    }
    expect(scep.memory.begun).toEqual([]);
  });

  it('is refused when the message was signed by somebody else', async () => {
    const sent = send({ ...device, privateKey: another.privateKey }, recipient, { challenge });
    const { body } = await service().respond({ operation: 'PKIOperation', message: sent.bytes });
    expect(readPkiMessage(body).failInfo).toBe('badMessageCheck');
  });
});

describe('a renewal', () => {
  async function enrolled() {
    const scep = service();
    const der = certificateIn(await scep.ask(send(device, recipient, { challenge })));
    const old = holding(device, der);
    const renew = (parts: Parameters<typeof send>[2] = {}) =>
      scep.ask(
        send(old, recipient, {
          messageType: 'RenewalReq',
          transactionId: 'renewal',
          content: writeCertificateRequest({ subject: {}, key: another.privateKey }),
          ...parts,
        }),
      );
    return { scep, der, old, renew };
  }

  it.each(['RenewalReq', 'PKCSReq'] as const)(
    'needs no challenge when the current certificate signs the %s',
    async (messageType) => {
      const { scep, der, renew } = await enrolled();
      certificateIn(await renew({ messageType }));
      expect(scep.memory.issued[1]).toMatchObject({
        grant: null,
        renewalOf: createHash('sha256').update(der).digest(),
      });
    },
  );

  it('is sent again for the same transaction and key, though the old one is revoked since', async () => {
    const { scep, der, renew } = await enrolled();
    const first = certificateIn(await renew());
    scep.memory.revoked.add(createHash('sha256').update(der).digest('hex'));
    expect(certificateIn(await renew())).toEqual(first);
    expect(await renew({ transactionId: 'later' })).toEqual(failure('badRequest'));
    expect(scep.memory.issued).toHaveLength(2);
  });

  it('with the old key, and so the old transaction, brings a new certificate each time', async () => {
    const { scep, der, renew } = await enrolled();
    const content = writeCertificateRequest({ subject: {}, key: device.privateKey });
    const transactionId = 'transaction-1';
    const second = certificateIn(await renew({ content, transactionId }));
    expect(second).not.toEqual(der);
    expect(certificateIn(await renew({ content, transactionId }))).toEqual(second);
    const next = holding(device, second);
    const { certificate } = next;
    const third = certificateIn(await renew({ content, transactionId, certificate }));
    expect(third).not.toEqual(second);
    expect(scep.memory.issued).toHaveLength(3);
  });

  it('is refused for another key in the same transaction', async () => {
    const { renew } = await enrolled();
    await renew();
    const content = writeCertificateRequest({ subject: {}, key: third.privateKey });
    expect(await renew({ content })).toEqual(failure('badRequest'));
  });

  it('is refused when the certificate has ended, or is not ours', async () => {
    const { scep, renew } = await enrolled();
    scep.time = new Date(now.getTime() + 400 * day);
    expect(await renew()).toEqual(failure('badRequest'));
    const stranger = send(another, recipient, { messageType: 'RenewalReq', challenge });
    expect(await service().ask(stranger)).toEqual(failure('badRequest'));
  });

  it('is no way around the record: a certificate that only looks ours proves nothing', async () => {
    const { scep } = await enrolled();
    const unrecorded = issue(third, {
      ...device,
      der: recipient.der,
      certificate: recipient,
      privateKey: generation.key,
    });
    const sent = send(unrecorded, recipient, { messageType: 'RenewalReq' });
    expect(await scep.ask(sent)).toEqual(failure('badRequest'));
  });
});

describe('other messages', () => {
  const poll = (issuer = recipient) =>
    writeIssuerAndSubject({
      issuerDer: issuer.subjectDer,
      subjectDer: device.certificate.subjectDer,
    });

  it('a poll brings what was issued, to who asked for it', async () => {
    const scep = service();
    const asking = (holder: Holder) =>
      scep.ask(send(holder, recipient, { messageType: 'CertPoll', content: poll() }));
    expect(await asking(device)).toEqual(failure('badCertId'));
    const der = certificateIn(await scep.ask(send(device, recipient, { challenge })));
    expect(certificateIn(await asking(device))).toEqual(der);
    expect(await asking(another)).toEqual(failure('badCertId'));
  });

  it('GetCert brings a certificate to a holder of one', async () => {
    const scep = service();
    const der = certificateIn(await scep.ask(send(device, recipient, { challenge })));
    const content = writeIssuerAndSerial(der);
    const ask = (holder: Holder) =>
      scep.ask(send(holder, recipient, { messageType: 'GetCert', content }));
    expect(certificateIn(await ask(holding(device, der)))).toEqual(der);
    expect(await ask(another)).toEqual(failure('badCertId'));
  });

  it('GetCRL is not served', async () => {
    const content = writeIssuerAndSerial(recipient.der);
    const sent = send(device, recipient, { messageType: 'GetCRL', content });
    expect(await service().ask(sent)).toEqual(failure('badRequest'));
  });
});
