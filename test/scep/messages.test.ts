import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BerError } from '../../server/protocol/cms/ber.ts';
import { readCertsOnly, writeCertsOnly } from '../../server/protocol/cms/certs-only.ts';
import type { ContentCipher } from '../../server/protocol/cms/content-cipher.ts';
import { openEnvelope } from '../../server/protocol/cms/envelope.ts';
import { readCapabilities, writeCapabilities } from '../../server/protocol/scep/capabilities.ts';
import type { CertRepOutcome } from '../../server/protocol/scep/cert-rep.ts';
import { writeCertRep } from '../../server/protocol/scep/cert-rep.ts';
import { readCertRep } from '../../server/protocol/scep/client.ts';
import {
  readIssuerAndSerial,
  readIssuerAndSubject,
  writeIssuerAndSerial,
  writeIssuerAndSubject,
} from '../../server/protocol/scep/names.ts';
import { pkiMessageVerdict, readPkiMessage } from '../../server/protocol/scep/pki-message.ts';
import { authority, issue, rsaKeys } from '../protocol/authority.ts';
import { damaged } from '../protocol/mutations.ts';
import { pkijsAccepts } from '../protocol/second-opinion.ts';
import { selfSigned, send } from './requester.ts';

const ca = authority(rsaKeys(), 'CA');
const device = selfSigned(rsaKeys());
const signer = { certificate: ca.certificate, key: ca.privateKey };
const mine = [signer];
const { request, bytes } = send(device, ca.certificate, { challenge: 'secret' });

describe('SCEP requests', () => {
  it('are read as they were written', () => {
    const message = readPkiMessage(bytes);
    expect(message.messageType).toBe('PKCSReq');
    expect(message.transactionId).toBe('transaction-1');
    expect(message.senderNonce).toEqual(request.senderNonce);
    expect(message.signer.der).toEqual(device.der);
    expect(pkiMessageVerdict(message)).toBe('holds');
    const opened = openEnvelope(message.envelope ?? Buffer.alloc(0), mine, () => true);
    expect(opened.content).toEqual(request.content);
  });

  it.each(['sha1', 'sha256', 'sha512'] as const)('hold when signed with %s', (digest) => {
    const message = readPkiMessage(send(device, ca.certificate, { digest }).bytes);
    expect(pkiMessageVerdict(message)).toBe('holds');
    const refused = pkiMessageVerdict(message, { refuseSha1: true });
    expect(refused).toBe(digest === 'sha1' ? 'sha1-refused' : 'holds');
  });

  it('are signed as others check it', async () => {
    const { envelope } = readPkiMessage(bytes);
    expect(await pkijsAccepts(bytes, envelope ?? Buffer.alloc(0))).toBe(true);
  });

  it('are refused when cut off at any octet', () => {
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => readPkiMessage(bytes.subarray(0, length))).toThrow(BerError);
    }
  });

  it('damaged are refused or do not hold, and never anything else', () => {
    fc.assert(
      fc.property(damaged(bytes), (broken) => {
        try {
          pkiMessageVerdict(readPkiMessage(broken));
        } catch (error) {
          expect(error).toBeInstanceOf(BerError);
        }
      }),
    );
  });

  it.each(['', 'x'.repeat(257), 'line\nfeed'])('are refused with transaction id %j', (id) => {
    const sent = send(device, ca.certificate, { transactionId: id });
    expect(() => readPkiMessage(sent.bytes)).toThrow(BerError);
  });
});

describe('SCEP replies', () => {
  const reply = (outcome: CertRepOutcome, by = signer) => writeCertRep(request, outcome, by);
  const issued = issue(device, ca);
  const success = (cipher: ContentCipher) =>
    reply({ status: 'success', certificates: [issued.der], recipient: device.certificate, cipher });

  it.each(['aes-256-cbc', 'des-ede3-cbc', 'des-cbc', 'aes-128-gcm'] as const)(
    'bring the certificate in %s',
    (cipher) => {
      expect(readCertRep(success(cipher), request, [ca.certificate])).toEqual({
        status: 'success',
        certificates: [issued.der],
        cipher,
      });
    },
  );

  it('tell why a request failed, and without any content', () => {
    const bytes = reply({ status: 'failure', failInfo: 'badTime' });
    expect(readCertRep(bytes, request, [ca.certificate])).toEqual({
      status: 'failure',
      failInfo: 'badTime',
    });
    expect(readPkiMessage(bytes).signed.content).toBeNull();
  });

  it('tell that a request is pending', () => {
    const read = readCertRep(reply({ status: 'pending' }), request, [ca.certificate]);
    expect(read).toEqual({ status: 'pending' });
  });

  it('are refused from another authority', () => {
    const other = authority(rsaKeys(), 'CA');
    const bytes = reply(
      { status: 'pending' },
      { certificate: other.certificate, key: other.privateKey },
    );
    expect(() => readCertRep(bytes, request, [ca.certificate])).toThrow('somebody else');
  });

  it('are refused for another transaction or nonce', () => {
    const pending = reply({ status: 'pending' });
    const senderNonce = Buffer.alloc(16);
    const read = (over: object) => readCertRep(pending, { ...request, ...over }, [ca.certificate]);
    expect(() => read({ transactionId: 'another' })).toThrow('another request');
    expect(() => read({ senderNonce })).toThrow('nonce');
  });

  it('are refused when cut off at any octet', () => {
    const whole = success('aes-128-cbc');
    for (let length = 0; length < whole.length; length += 7) {
      expect(() => readCertRep(whole.subarray(0, length), request, [ca.certificate])).toThrow(
        BerError,
      );
    }
  });
});

describe('the smaller parts of SCEP', () => {
  it('carry certificates in their order, without a signer', () => {
    const all = [device.der, ca.der];
    expect(readCertsOnly(writeCertsOnly(all))).toEqual(all);
    expect(readCertsOnly(writeCertsOnly(all.toReversed()))).toEqual(all.toReversed());
  });

  it('refuse a chain that is cut off at any octet', () => {
    const chain = writeCertsOnly([device.der, ca.der]);
    for (let length = 0; length < chain.length; length += 1) {
      expect(() => readCertsOnly(chain.subarray(0, length))).toThrow(BerError);
    }
  });

  it('carry capabilities, unknown ones too', () => {
    expect(readCapabilities(writeCapabilities(['AES', 'Renewal']))).toEqual(
      new Set(['AES', 'Renewal']),
    );
    expect(readCapabilities(Buffer.from('AES\r\nNewest\r\n\r\n'))).toEqual(
      new Set(['AES', 'Newest']),
    );
  });

  it('name issuer and subject, or issuer and serial', () => {
    const { issuerDer, subjectDer, serial } = device.certificate;
    const pair = { issuerDer, subjectDer };
    expect(readIssuerAndSubject(writeIssuerAndSubject(pair))).toEqual(pair);
    expect(readIssuerAndSerial(writeIssuerAndSerial(device.der))).toEqual({ issuerDer, serial });
    expect(() => readIssuerAndSerial(writeIssuerAndSubject(pair))).toThrow(BerError);
  });
});
