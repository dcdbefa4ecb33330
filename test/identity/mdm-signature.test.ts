import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { certificateFromHeader, createHeaderVerifier } from '../../server/identity/cert-header.ts';
import { createKnownCertificates } from '../../server/identity/known-certificates.ts';
import { decodeBase64 } from '../../server/identity/pem.ts';
import { createRecent } from '../../server/identity/recent.ts';
import { createSignatureVerifier } from '../../server/identity/mdm-signature.ts';
import { createTrust, type Trust } from '../../server/identity/trust.ts';
import type { Metrics } from '../../server/model/metrics.ts';
import { noMetrics } from '../../server/model/metrics.ts';
import { Refusal } from '../../server/model/refusal.ts';
import { oid } from '../../server/protocol/cms/oids.ts';
import { signDetached } from '../../server/protocol/cms/sign.ts';
import {
  authority,
  ecKeys,
  type Holder,
  issue,
  now,
  rsaKeys,
  tomorrow,
  yesterday,
} from '../protocol/authority.ts';
import { damaged } from '../protocol/mutations.ts';
import { recorded } from '../recorded/read.ts';

const body = Buffer.from('<plist><dict><key>Status</key><string>Idle</string></dict></plist>');
const rootKeys = ecKeys();
const root = authority(rootKeys, 'Root');
const middle = authority(ecKeys(), 'Middle', root);
const rsaPair = rsaKeys();
const device = issue(rsaPair, root, { subject: { commonName: 'device', organization: 'A, B' } });
const later = new Date(tomorrow.getTime() + 1);
const earlier = new Date(yesterday.getTime() - 1);

function trusting(...roots: readonly Holder[]) {
  return createTrust({ roots: roots.map((each) => each.pem), intermediates: [] });
}

function certificatesOf(trust = trusting(root), cacheSize = 10) {
  return createKnownCertificates({ trust: () => trust, cacheSize, verdicts: 10 });
}

const verify = createSignatureVerifier({ certificates: certificatesOf() });

function header(
  holder: Holder,
  style: 'apple' | 'modern' = 'apple',
  intermediates: readonly Holder[] = [],
): string {
  return signDetached({
    body,
    key: holder.privateKey,
    certificate: holder.der,
    style,
    intermediates: intermediates.map((each) => each.der),
  }).toString('base64');
}

/** The code of the refusal, or `accepted`; anything but a refusal with status 400 is a failure. */
function outcome(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 400) throw error;
    return error.code;
  }
  return 'accepted';
}

describe('the Mdm-Signature header', () => {
  it('says who signed', () => {
    expect(verify(header(device), body, now)).toEqual({
      sha256: createHash('sha256').update(device.der).digest(),
      subject: 'CN=device,O=A\\, B',
      issuer: 'CN=Root',
      serial: device.certificate.serial.toString('hex'),
      notBefore: yesterday,
      notAfter: tomorrow,
      der: device.der,
      subjectDer: device.certificate.subjectDer,
      issuerDer: root.certificate.subjectDer,
    });
  });

  it('is accepted in both styles, by RSA and by EC keys, again and again', () => {
    for (const holder of [device, issue(ecKeys(), root)]) {
      for (const style of ['apple', 'modern', 'apple'] as const) {
        expect(outcome(() => verify(header(holder, style), body, now))).toBe('accepted');
      }
    }
  });

  it('may have blanks around it, not inside', () => {
    const value = header(device);
    expect(outcome(() => verify(` \t${value} `, body, now))).toBe('accepted');
    expect(outcome(() => verify(`${value.slice(0, 40)} ${value.slice(40)}`, body, now))).toBe(
      'bad-base64',
    );
  });

  it.each([
    ['a missing header', undefined, 'missing-signature'],
    ['an empty header', ' ', 'missing-signature'],
    ['a header that is too long', 'A'.repeat(65_540), 'signature-too-large'],
    ['bad base64', 'M!!!', 'bad-base64'],
    ['base64 without padding', 'AAA', 'bad-base64'],
    ['base64url', 'AA-_', 'bad-base64'],
    ['base64 padded twice', 'AA======', 'bad-base64'],
    ['padding in the middle', 'AA==AAAA', 'bad-base64'],
    ['letters that end in the same eight bits', 'AA\u012b\u012f', 'bad-base64'],
    ['letters beyond ASCII', 'AA\u00e4\u00f6', 'bad-base64'],
    ['something else than a signature', Buffer.from('hello').toString('base64'), 'bad-cms'],
    ['a certificate alone', device.der.toString('base64'), 'bad-cms'],
  ])('refuses %s', (_, value, code) => {
    expect(outcome(() => verify(value, body, now))).toBe(code);
  });

  it('refuses another body', () => {
    const other = Buffer.concat([body, Buffer.from(' ')]);
    for (const style of ['apple', 'modern'] as const) {
      expect(outcome(() => verify(header(device, style), other, now))).toBe('signature-mismatch');
      expect(outcome(() => verify(header(device, style), Buffer.alloc(0), now))).toBe(
        'signature-mismatch',
      );
    }
  });

  it('refuses a signature made with another key than the certificate holds', () => {
    const thief = { ...device, privateKey: rsaKeys().privateKey };
    expect(outcome(() => verify(header(thief), body, now))).toBe('signature-mismatch');
  });

  it('refuses SHA-1 when told so, and only then', () => {
    const strict = createSignatureVerifier({ certificates: certificatesOf(), refuseSha1: true });
    expect(outcome(() => strict(header(device, 'apple'), body, now))).toBe('sha1-refused');
    expect(outcome(() => strict(header(device, 'modern'), body, now))).toBe('accepted');
  });

  it.each([
    ['of another authority', issue(rsaPair, authority(ecKeys(), 'Root')), 'untrusted'],
    [
      'that is for servers',
      issue(rsaPair, root, { extendedKeyUsage: [oid.serverAuth] }),
      'bad-key-usage',
    ],
    ['that expired', issue(rsaPair, root, { notAfter: yesterday }), 'expired'],
    ['that is not valid yet', issue(rsaPair, root, { notBefore: tomorrow }), 'not-yet-valid'],
    ['with a key that is too short', issue(rsaKeys(512), root), 'bad-certificate'],
  ])('refuses a certificate %s', (_, holder, code) => {
    const value = signDetached({
      body,
      key: holder.privateKey,
      certificate: holder.der,
      style: 'apple',
    });
    expect(outcome(() => verify(value.toString('base64'), body, now))).toBe(code);
  });

  const kept = [
    ['that it knows', 10],
    ['that was pushed out', 0],
  ] as const;

  it.each(kept)('looks at the time of each message, also for a certificate %s', (_, cacheSize) => {
    const knowing = createSignatureVerifier({ certificates: certificatesOf(undefined, cacheSize) });
    const value = header(device);
    expect(outcome(() => knowing(value, body, now))).toBe('accepted');
    expect(outcome(() => knowing(value, body, later))).toBe('expired');
    expect(outcome(() => knowing(value, body, earlier))).toBe('not-yet-valid');
    expect(outcome(() => knowing(value, body, tomorrow))).toBe('accepted');
  });

  it.each(kept)('checks the chain of a certificate %s once', (_, cacheSize) => {
    let checks = 0;
    const trust: Trust = {
      check(...asked) {
        checks += 1;
        return trusting(root).check(...asked);
      },
    };
    const knowing = createSignatureVerifier({ certificates: certificatesOf(trust, cacheSize) });
    const another = issue(rsaPair, root, { subject: { commonName: 'another' } });
    for (let round = 0; round < 3; round += 1) {
      for (const holder of [device, another]) {
        expect(outcome(() => knowing(header(holder), body, now))).toBe('accepted');
      }
    }
    expect(checks).toBe(2);
    const thief = { ...another, privateKey: rsaKeys().privateKey };
    expect(outcome(() => knowing(header(thief), body, now))).toBe('signature-mismatch');
  });

  it.each(kept)('judges a certificate %s anew when the authorities change', (_, cacheSize) => {
    let trust = trusting(root);
    const certificates = createKnownCertificates({ trust: () => trust, cacheSize, verdicts: 10 });
    const changing = createSignatureVerifier({ certificates });
    expect(outcome(() => changing(header(device), body, now))).toBe('accepted');
    trust = trusting(authority(ecKeys(), 'Other'));
    expect(outcome(() => changing(header(device), body, now))).toBe('untrusted');
    trust = trusting(root);
    expect(outcome(() => changing(header(device), body, now))).toBe('accepted');
  });

  it('takes intermediates from the signature as steps, never as roots', () => {
    const below = issue(rsaPair, middle);
    const other = authority(ecKeys(), 'Other');
    const foreign = issue(rsaPair, other);
    const fresh = () => createSignatureVerifier({ certificates: certificatesOf() });
    expect(outcome(() => fresh()(header(below, 'modern', [middle]), body, now))).toBe('accepted');
    expect(outcome(() => fresh()(header(below, 'modern'), body, now))).toBe('untrusted');
    expect(outcome(() => fresh()(header(foreign, 'modern', [other]), body, now))).toBe('untrusted');
  });

  it('needs the certificate of the signer among those sent', () => {
    const value = signDetached({
      body,
      key: device.privateKey,
      certificate: device.der,
      style: 'modern',
    });
    const bare = Buffer.from(value);
    // Another serial inside the certificate: the signer's name no longer finds it.
    const place = bare.indexOf(device.certificate.serial);
    bare[place + 2] = (bare[place + 2] ?? 0) ^ 1;
    expect(outcome(() => verify(bare.toString('base64'), body, now))).toBe('missing-certificate');
  });

  it('is answered with a refusal wherever it is cut', () => {
    for (const style of ['apple', 'modern'] as const) {
      const value = Buffer.from(header(device, style), 'base64');
      for (let length = 1; length < value.length; length += 1) {
        expect(
          outcome(() => verify(value.subarray(0, length).toString('base64'), body, now)),
        ).not.toBe('accepted');
      }
    }
  });

  it('is answered with a refusal, or the same certificate, however it is damaged', () => {
    const corpus = [header(device), header(device, 'modern', [middle])];
    const headers = corpus.map((each) => Buffer.from(each, 'base64'));
    fc.assert(
      fc.property(damaged(...headers), (bytes) => {
        try {
          expect(verify(bytes.toString('base64'), body, now).der).toEqual(device.der);
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          expect(error.status).toBe(400);
        }
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(damaged(...corpus.map((each) => Buffer.from(each))), (text) => {
        outcome(() => verify(text.toString('latin1'), body, now));
      }),
    );
  });

  it("of a real device is good but for its authority, which isn't ours", () => {
    const value = recorded('mdm-signature-2.b64').toString();
    const message = recorded('mdm-signature-2.body.plist');
    expect(outcome(() => verify(value, message, now))).toBe('untrusted');
  });

  it('is counted by its outcome', () => {
    const seen: string[] = [];
    const metrics: Metrics = {
      ...noMetrics,
      counter: () => (labels) => void seen.push(labels?.['outcome'] ?? ''),
    };
    const counted = createSignatureVerifier({ certificates: certificatesOf(), metrics });
    counted(header(device), body, now);
    outcome(() => counted(undefined, body, now));
    expect(seen).toEqual(['ok', 'missing-signature']);
  });
});

describe('the certificate header of a proxy', () => {
  const escaped = encodeURIComponent(device.pem);

  it.each([
    ['RFC 9440', `:${device.der.toString('base64')}:`],
    ['escaped PEM', escaped],
    [
      'escaped PEM with its + and / raw',
      escaped.replaceAll('%2B', '+').replaceAll('%2F', '/').replaceAll('%3D', '='),
    ],
    ['escaped PEM with + for blanks', escaped.replaceAll('%20', '+')],
    ['a chain, the leaf first', escaped + encodeURIComponent(root.pem)],
  ])('is read as %s', (_, value) => {
    expect(certificateFromHeader(value)).toEqual(device.der);
  });

  it.each([
    ['nothing', ''],
    ['a missing colon', `:${device.der.toString('base64')}`],
    ['empty bytes', '::'],
    ['bad base64', ':AAA:'],
    [
      'another block first',
      encodeURIComponent(
        `-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n${device.pem}`,
      ),
    ],
    ['a broken escape', '%ZZ'],
    ['text', 'hello'],
  ])('is nothing as %s', (_, value) => {
    expect(certificateFromHeader(value)).toBeNull();
  });

  it('is judged like a signer', () => {
    const judge = createHeaderVerifier({ certificates: certificatesOf() });
    const foreign = issue(ecKeys(), authority(ecKeys(), 'Other'));
    expect(judge(escaped, now).der).toEqual(device.der);
    expect(outcome(() => judge(escaped, later))).toBe('expired');
    expect(outcome(() => judge(encodeURIComponent(foreign.pem), now))).toBe('untrusted');
    expect(outcome(() => judge(':AAAA:', now))).toBe('bad-certificate');
    expect(outcome(() => judge('hello', now))).toBe('bad-certificate');
    expect(outcome(() => judge(undefined, now))).toBe('missing-certificate');
  });
});

describe('base64', () => {
  const letters = fc.constantFrom(...'ABab01+/==-_ \t\n\u00e9\u012b\ud800'.split(''));

  it('is read where it is standard and padded, and nothing else is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(letters, { maxLength: 12 }).map((all) => all.join('')),
          fc.uint8Array({ minLength: 1 }).map((bytes) => Buffer.from(bytes).toString('base64')),
        ),
        (text) => {
          const isStandard = text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
          if (isStandard) expect(decodeBase64(text)).toEqual(Buffer.from(text, 'base64'));
          else expect(() => decodeBase64(text)).toThrow(TypeError);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('the bounded map', () => {
  it('forgets what was not asked for lately', () => {
    const recent = createRecent<string, number>(2);
    recent.set('a', 1);
    recent.set('b', 2);
    recent.get('a');
    recent.set('c', 3);
    const kept = ['a', 'b', 'c'].map((key) => recent.get(key));
    expect([kept, recent.size]).toEqual([[1, undefined, 3], 2]);
  });

  it('keeps what is asked for through any number of newcomers', () => {
    const recent = createRecent<number, string>(100);
    for (let key = 0; key < 10; key += 1) recent.set(key, 'old');
    for (let key = 1_000; key < 2_000; key += 1) {
      for (let old = 0; old < 10; old += 1) recent.get(old);
      recent.set(key, 'new');
    }
    expect(Array.from({ length: 10 }, (_, key) => recent.get(key))).toEqual(Array(10).fill('old'));
    expect(recent.size).toBe(100);
  });

  it('makes room where all were asked for, replaces, and may keep nothing', () => {
    const recent = createRecent<number, number>(200);
    for (let key = 0; key < 200; key += 1) recent.set(key, key);
    for (let key = 0; key < 200; key += 1) recent.get(key);
    recent.set(200, 200);
    recent.set(200, 201);
    expect([recent.get(200), recent.size]).toEqual([201, 200]);
    const none = createRecent<number, number>(0);
    none.set(1, 1);
    expect([none.get(1), none.size]).toEqual([undefined, 0]);
  });
});
