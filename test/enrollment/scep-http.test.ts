import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeAuthority } from '../../clients/simulator/identity.ts';
import { readCertificate } from '../../server/protocol/cms/certificate.ts';
import { writeCertificateRequest } from '../../server/protocol/cms/certificate-request-write.ts';
import { der, derOid, derSequence, derSet } from '../../server/protocol/cms/der-write.ts';
import { writeIssuerAndSubject } from '../../server/protocol/scep/names.ts';
import { readPkiMessage } from '../../server/protocol/scep/pki-message.ts';
import { inParallel } from '../../clients/simulator/parallel.ts';
import { serverLane } from '../harness/database.ts';
import { issued } from './documents.ts';
import { type EnrollServer, rsaKey, startEnrollServer } from './enroll-server.ts';
import {
  certificateIn,
  holding,
  type Requester,
  requester,
  type ScepClient,
  scepClient,
} from './scep-client.ts';

const failure = (failInfo: string) => ({ status: 'failure', failInfo });
const [one, two, three]: readonly Requester[] = [requester(), requester(), requester()];
if (!one || !two || !three) throw new Error('no requesters');
const secret = 'the-static-challenge';

let server: EnrollServer;
let scep: ScepClient;

beforeAll(async () => {
  server = await startEnrollServer({ flags: ['--scep-challenge', secret] });
  scep = await scepClient(server.url);
});
afterAll(() => server.stop());

const count = async (table: string) =>
  (await server.store.database.graph.query(`select count(*)::int as n from ${table}`)).rows[0].n;

describe('SCEP over HTTP', () => {
  it('has the content types of RFC 8894, and is kept by no cache', async () => {
    const at = (query: string) => fetch(`${scep.url}?${query}`);
    const caps = await at('operation=GetCACaps');
    expect(caps.headers.get('content-type')).toBe('text/plain');
    expect((await caps.text()).split('\n')).toContain('POSTPKIOperation');
    const cert = await at('operation=GetCACert');
    expect(cert.headers.get('content-type')).toBe('application/x-x509-ca-cert');
    expect(cert.headers.get('cache-control')).toBe('no-store');
    expect(readCertificate(Buffer.from(await cert.arrayBuffer())).basicConstraints?.ca).toBe(true);
    const reply = await fetch(`${scep.url}?operation=PKIOperation`, {
      method: 'POST',
      body: new Uint8Array(scep.write(one, { challenge: secret }).bytes),
    });
    expect(reply.status).toBe(200);
    expect(reply.headers.get('content-type')).toBe('application/x-pki-message');
  });

  it('takes a message by GET as by POST, with and without escapes', async () => {
    const { bytes } = scep.write(one, { challenge: secret });
    const base64 = bytes.toString('base64');
    for (const message of [encodeURIComponent(base64), base64]) {
      const reply = await fetch(`${scep.url}?operation=PKIOperation&message=${message}`);
      expect(reply.headers.get('content-type')).toBe('application/x-pki-message');
      const body = Buffer.from(await reply.arrayBuffer());
      expect(readPkiMessage(body).pkiStatus).toBe('success');
    }
  });

  it('answers what is no request of it without words of SCEP', async () => {
    const status = async (query: string, init?: RequestInit) =>
      (await fetch(`${scep.url}${query}`, init)).status;
    expect(await status('')).toBe(400);
    expect(await status('?operation=GetNextCACert')).toBe(400);
    expect(await status('?operation=PKIOperation')).toBe(400);
    expect(await status('?operation=PKIOperation&message=%00')).toBe(400);
    expect(await status('?operation=PKIOperation', { method: 'PUT' })).toBe(405);
    expect(await status('?operation=PKIOperation', { method: 'POST', body: '' })).toBe(400);
    const body = new Uint8Array(65_537);
    expect(await status('?operation=PKIOperation', { method: 'POST', body })).toBe(413);
  });

  it('ends a request of undeclared length at the same size, and the server goes on', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const sent = httpRequest(
        `${scep.url}?operation=PKIOperation`,
        { method: 'POST', headers: { 'Transfer-Encoding': 'chunked' } },
        (reply) => {
          resolve(reply.statusCode);
          reply.resume();
          sent.destroy();
        },
      );
      sent.on('error', reject);
      for (let part = 0; part < 20; part += 1) sent.write(Buffer.alloc(8_192, 0x30));
    });
    expect(status).toBe(413);
    expect((await fetch(`${scep.url}?operation=GetCACaps`)).status).toBe(200);
  });

  it('counts its requests by operation and outcome', async () => {
    await scep.ask(one, { challenge: 'wrong' });
    const text = await (await fetch(`${server.url}/metrics`)).text();
    expect(text).toMatch(
      /graphmdm_scep_requests_total\{operation="PKIOperation",outcome="badRequest"\} \d/,
    );
    expect(text).toMatch(/graphmdm_scep_requests_total\{operation="GetCACert",outcome="ok"\} \d/);
  });
});

describe('a message that is cut short', () => {
  it('is refused wherever it is cut, and the server goes on', async () => {
    const { bytes } = scep.write(two, { challenge: secret });
    const before = await count('issued_certificate');
    // Every single length is tried where messages are read, without HTTP.
    const lengths = Array.from({ length: bytes.length }, (_, length) => length).filter(
      (length) => length < 8 || length % 32 === 0 || length > bytes.length - 8,
    );
    const failures = await inParallel(lengths, 16, async (length) => {
      const reply = await fetch(`${scep.url}?operation=PKIOperation`, {
        method: 'POST',
        body: new Uint8Array(bytes.subarray(0, length)),
      });
      const body = Buffer.from(await reply.arrayBuffer());
      const refused = reply.status === 400 || readPkiMessage(body).pkiStatus === 'failure';
      if (!refused) throw new Error(`${length} bytes were taken`);
    });
    expect(failures).toEqual([]);
    expect(await count('issued_certificate')).toBe(before);
    expect(await scep.ask(two, { challenge: secret })).toMatchObject({ status: 'success' });
  });
});

describe('a wrong request', () => {
  it('is refused when it is written to another authority', async () => {
    const other = await makeAuthority({ key: 'rsa' });
    const { bytes } = scep.write(one, {
      challenge: secret,
      recipient: readCertificate(other.certificate),
    });
    const reply = await fetch(`${scep.url}?operation=PKIOperation`, {
      method: 'POST',
      body: new Uint8Array(bytes),
    });
    expect(readPkiMessage(Buffer.from(await reply.arrayBuffer())).failInfo).toBe('badMessageCheck');
  });

  it('is refused when the request inside has a wrong signature', async () => {
    const content = writeCertificateRequest({
      subject: { commonName: 'device' },
      key: one.key,
      challengePassword: secret,
    });
    content.writeUInt8(content.readUInt8(content.length - 1) ^ 1, content.length - 1);
    expect(await scep.ask(one, { content })).toEqual(failure('badMessageCheck'));
  });

  it('is refused for RSA 512', async () => {
    const requestKey = rsaKey(512);
    expect(await scep.ask(one, { challenge: secret, requestKey })).toMatchObject({
      status: 'failure',
    });
  });

  it('is refused with control characters in its subject', async () => {
    const name = derSequence(
      derSet(derSequence(derOid('2.5.4.3'), der(0x0c, Buffer.from('two\nlines')))),
    );
    expect(await scep.ask(one, { challenge: secret, subject: name })).toEqual(
      failure('badRequest'),
    );
  });

  it('is refused without a challenge and with a wrong one', async () => {
    expect(await scep.ask(one)).toEqual(failure('badRequest'));
    expect(await scep.ask(one, { challenge: 'guess' })).toEqual(failure('badRequest'));
    expect(await scep.ask(one, { challenge: `${secret}.0123456789abcdef.` })).toEqual(
      failure('badRequest'),
    );
  });
});

describe('a transaction', () => {
  it('that is repeated with its key gets the certificate that there is, also by CertPoll', async () => {
    const { challenge, id } = await server.invite({ useLimit: 1 });
    const parts = { challenge, transactionId: 'again' };
    const first = certificateIn(await scep.ask(one, parts));
    expect(certificateIn(await scep.ask(one, parts))).toEqual(first);
    const content = writeIssuerAndSubject({
      issuerDer: readCertificate(first).issuerDer,
      subjectDer: readCertificate(first).subjectDer,
    });
    const poll = { messageType: 'CertPoll', transactionId: 'again', content } as const;
    expect(certificateIn(await scep.ask(one, poll))).toEqual(first);
    expect(await scep.ask(two, poll)).toEqual(failure('badCertId'));
    const { issuedCertificates } = await server.ask(issued, { filter: { invitationId: id } });
    expect(issuedCertificates.edges).toHaveLength(1);
  });

  it('that is repeated with another key is refused, whatever the challenge allows', async () => {
    for (const challenge of [(await server.invite({ useLimit: 5 })).challenge, secret]) {
      const transactionId = `other key ${challenge.slice(0, 4)}`;
      await scep.ask(one, { challenge, transactionId });
      expect(await scep.ask(two, { challenge, transactionId })).toEqual(failure('badRequest'));
    }
  });

  it('that is sent ten times at once ends with one certificate', async () => {
    const { challenge, id } = await server.invite({ useLimit: 1 });
    const parts = { challenge, transactionId: 'at once' };
    const replies = await Promise.all(Array.from({ length: 10 }, () => scep.ask(one, parts)));
    const prints = replies.map((reply) => certificateIn(reply).toString('hex'));
    expect(new Set(prints).size).toBe(1);
    const { issuedCertificates } = await server.ask(issued, { filter: { invitationId: id } });
    expect(issuedCertificates.edges).toHaveLength(1);
  });
});

describe('a renewal', () => {
  it.each(['RenewalReq', 'PKCSReq'] as const)('by %s needs no challenge', async (messageType) => {
    const first = certificateIn(await scep.ask(one, { challenge: secret }));
    const holder = holding(one, first);
    const parts = { messageType, requestKey: three.key, transactionId: `renew ${messageType}` };
    const next = certificateIn(await scep.ask(holder, parts));
    const sha256 = createHash('sha256').update(next).digest('hex');
    const { issuedCertificates } = await server.ask(issued, { filter: { sha256: [sha256] } });
    expect(issuedCertificates.edges[0]?.node).toMatchObject({
      renewalOf: createHash('sha256').update(first).digest('hex'),
      invitation: null,
    });
    expect(certificateIn(await scep.ask(holder, parts))).toEqual(next);
  });

  it('is refused for a certificate of somebody else', async () => {
    expect(await scep.ask(one, { messageType: 'RenewalReq' })).toEqual(failure('badRequest'));
  });
});

describe('the challenge of the settings', () => {
  it('is not to be guessed at: after twenty wrong ones even the right one is refused, from that address', async () => {
    const other = await startEnrollServer({ flags: ['--scep-challenge', secret] });
    try {
      const client = await scepClient(other.url);
      expect(await client.ask(one, { challenge: secret })).toMatchObject({ status: 'success' });
      for (let tries = 0; tries < 20; tries += 1) await client.ask(one, { challenge: `${tries}` });
      expect(await client.ask(one, { challenge: secret })).toEqual(failure('badRequest'));
      // Who holds an invitation did not guess.
      const { challenge } = await other.invite();
      expect(await client.ask(one, { challenge })).toMatchObject({ status: 'success' });
    } finally {
      await other.stop();
    }
  });
});

describe('single DES', () => {
  it('is taken, or refused where it is set so', async () => {
    const parts = { challenge: secret, cipher: 'des-cbc' } as const;
    expect(await scep.ask(one, parts)).toMatchObject({ status: 'success', cipher: 'des-cbc' });
    const strict = await startEnrollServer({
      flags: ['--scep-challenge', secret, '--scep-allow-des=false'],
    });
    try {
      const client = await scepClient(strict.url);
      expect(await client.ask(one, parts)).toEqual(failure('badAlg'));
    } finally {
      await strict.stop();
    }
  });
});

describe('two devices that race for a one-time challenge', () => {
  let first: EnrollServer;
  let second: EnrollServer;

  beforeAll(async () => {
    first = await startEnrollServer({ lane: serverLane() });
    second = await startEnrollServer({ store: first.store });
  });
  afterAll(async () => {
    await second.stop();
    await first.stop();
  });

  it('are one too many, at two servers as at one', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { challenge, id } = await first.invite({ useLimit: 1 });
      const clients = [await scepClient(first.url), await scepClient(second.url)] as const;
      const replies = await Promise.all([
        clients[0].ask(one, { challenge }),
        clients[round % 2 === 0 ? 0 : 1].ask(two, { challenge }),
      ]);
      expect(replies.map(({ status }) => status).toSorted()).toEqual(['failure', 'success']);
      const { issuedCertificates } = await first.ask(issued, { filter: { invitationId: id } });
      expect(issuedCertificates.edges).toHaveLength(1);
    }
  });

  it('get as many certificates as there are uses, and no more', async () => {
    const { challenge, id } = await first.invite({ useLimit: 3 });
    const clients = [await scepClient(first.url), await scepClient(second.url)] as const;
    const who = [one, two, three, requester(), requester(), requester()];
    const replies = await Promise.all(
      who.map((each, index) => clients[index % 2 === 0 ? 0 : 1].ask(each, { challenge })),
    );
    expect(replies.filter(({ status }) => status === 'success')).toHaveLength(3);
    const { issuedCertificates } = await first.ask(issued, { filter: { invitationId: id } });
    expect(issuedCertificates.edges).toHaveLength(3);
  });
});
