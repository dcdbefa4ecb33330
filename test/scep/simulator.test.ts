import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readEnrollmentProfile } from '../../clients/simulator/enrollment-profile.ts';
import { enrolByScep, renewByScep } from '../../clients/simulator/scep.ts';
import type { ScepSend } from '../../clients/simulator/scep-transport.ts';
import { generationName, renewed } from '../../server/pki/authority.ts';
import { makeGeneration } from '../../server/pki/make-authority.ts';
import { buildEnrollmentProfile } from '../../server/pki/profile.ts';
import { fixedValues } from '../../server/pki/profile-values.ts';
import { formatName } from '../../server/protocol/cms/name.ts';
import { readCertificate } from '../../server/protocol/cms/certificate.ts';
import { writeCertRep } from '../../server/protocol/scep/cert-rep.ts';
import { readPkiMessage } from '../../server/protocol/scep/pki-message.ts';
import { now, rsaKeys } from '../protocol/authority.ts';
import type { ScepService } from '../pki/scep-service.ts';
import { scepService } from '../pki/scep-service.ts';

const generation = await makeGeneration({ subject: { commonName: 'Device CA' } }, now);
const ec = await makeGeneration({ subject: { commonName: 'EC CA' }, key: 'ec' }, now);
const { privateKey: key } = rsaKeys();
const { privateKey: nextKey } = rsaKeys();

function profileOf(challenge: string, of = generation) {
  const bytes = buildEnrollmentProfile({
    fixed: fixedValues({
      publicUrl: new URL('https://mdm.example.com'),
      topic: 'com.apple.mgmt.External.1',
      serverUrl: new URL('https://mdm.example.com/mdm'),
    }),
    scep: {
      url: new URL('https://mdm.example.com/scep'),
      name: generationName(of),
      challenge,
      authority: of.certificate.der,
    },
  });
  return readEnrollmentProfile(bytes);
}

/** Hands requests to the responder as a web server would. `seen` lists the operations. */
function wire({ respond }: ScepService, seen: string[] = []): ScepSend {
  return (url, body) => {
    const operation = url.searchParams.get('operation');
    seen.push(`${body === null ? 'GET' : 'POST'} ${operation}`);
    return respond({ operation, message: body ?? url.searchParams.get('message') });
  };
}

describe('a simulated device', () => {
  it.each([
    ['RSA', generation],
    ['P-256 with a registration authority', ec],
  ])('gets its identity from an authority of %s by a profile', async (_, of) => {
    const scep = scepService(of);
    const seen: string[] = [];
    const profile = profileOf('secret', of);
    const identity = await enrolByScep(profile.scep, { send: wire(scep, seen), key });
    expect(seen).toEqual(['GET GetCACaps', 'GET GetCACert', 'POST PKIOperation']);
    expect(identity.commonName).toBe('MDM device identity');
    const { subjectDer } = readCertificate(identity.certificate);
    expect(formatName(subjectDer)).toBe('CN=MDM device identity,O=graphmdm');
    expect(scep.memory.issued[0]?.certificate).toEqual(identity.certificate);
    expect(profile.mdm.topic).toBe('com.apple.mgmt.External.1');
    expect(profile.mdm.checkInUrl.href).toBe('https://mdm.example.com/mdm');
  });

  it('writes by GET and with triple DES and SHA-1 to a server without capabilities', async () => {
    const scep = scepService(generation);
    const seen: string[] = [];
    const send = wire(scep, seen);
    const old: ScepSend = (url, body) =>
      url.searchParams.get('operation') === 'GetCACaps'
        ? Promise.resolve({ status: 404, contentType: 'text/html', body: Buffer.alloc(0) })
        : send(url, body);
    await enrolByScep(profileOf('secret').scep, { send: old, key });
    expect(seen).toEqual(['GET GetCACert', 'GET PKIOperation']);
  });

  it('learns why it is refused', async () => {
    const attempt = enrolByScep(profileOf('wrong').scep, {
      send: wire(scepService(generation)),
      key,
    });
    await expect(attempt).rejects.toMatchObject({ name: 'ScepFailure', failInfo: 'badRequest' });
  });

  it('refuses a server that is not the one of its profile', async () => {
    const send = wire(scepService(ec));
    await expect(enrolByScep(profileOf('secret').scep, { send, key })).rejects.toThrow(
      'not the one of the profile',
    );
  });

  it('finds the authority of its profile although a newer one answers', async () => {
    const scep = scepService(generation);
    scep.authority = renewed(scep.authority, ec, now);
    const { certificate } = await enrolByScep(profileOf('secret').scep, { send: wire(scep), key });
    expect(readCertificate(certificate).issuerDer).toEqual(ec.certificate.subjectDer);
  });

  it.each(['RenewalReq', 'PKCSReq'] as const)('renews its identity by %s', async (message) => {
    const scep = scepService(generation);
    const send = wire(scep);
    const identity = await enrolByScep(profileOf('secret').scep, { send, key });
    const used = profileOf('used').scep;
    const next = await renewByScep(identity, used, { send, key: nextKey, message });
    expect(next.key).toBe(nextKey);
    expect(scep.memory.issued[1]?.renewalOf).toEqual(
      createHash('sha256').update(identity.certificate).digest(),
    );
  });

  it('asks again while its request is pending, at first without delay', async () => {
    const scep = scepService(generation);
    const send = wire(scep);
    const types: string[] = [];
    const pauses: number[] = [];
    const slow: ScepSend = async (url, body) => {
      if (body === null) return send(url, body);
      const message = readPkiMessage(body);
      types.push(message.messageType);
      const reply = await send(url, body);
      if (types.length > 2) return reply;
      const signer = { certificate: generation.certificate, key: generation.key };
      return { ...reply, body: writeCertRep(message, { status: 'pending' }, signer) };
    };
    const pause = async (seconds: number) => {
      pauses.push(seconds);
    };
    await enrolByScep(profileOf('secret').scep, { send: slow, key, pause });
    expect(types).toEqual(['PKCSReq', 'CertPoll', 'CertPoll']);
    expect(pauses).toEqual([10]);
  });

  it('gives up when its request stays pending', async () => {
    const send = wire(scepService(generation));
    const never: ScepSend = async (url, body) => {
      if (body === null) return send(url, body);
      const signer = { certificate: generation.certificate, key: generation.key };
      const reply = writeCertRep(readPkiMessage(body), { status: 'pending' }, signer);
      return { status: 200, contentType: 'application/x-pki-message', body: reply };
    };
    const pause = async () => {};
    await expect(
      enrolByScep(profileOf('secret').scep, { send: never, key, pause }),
    ).rejects.toThrow('still pending');
  });
});
