import { sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createTrust, type Trust } from '../../server/identity/trust.ts';
import { StartupError } from '../../server/model/errors.ts';
import { tag } from '../../server/protocol/cms/ber.ts';
import type { Certificate } from '../../server/protocol/cms/certificate.ts';
import { readCertificate } from '../../server/protocol/cms/certificate.ts';
import {
  der,
  derBits,
  derBoolean,
  derContext,
  derInteger,
  derNull,
  derOctets,
  derOid,
  derSequence,
  derTime,
} from '../../server/protocol/cms/der-write.ts';
import { oid } from '../../server/protocol/cms/oids.ts';
import {
  authority,
  ecKeys,
  type Holder,
  issue,
  now,
  pemOf,
  rsaKeys,
  tomorrow,
  yesterday,
} from '../protocol/authority.ts';

const keys = { root: ecKeys(), middle: ecKeys(), low: ecKeys(), leaf: ecKeys(), other: ecKeys() };
const root = authority(keys.root, 'Root');
const middle = authority(keys.middle, 'Middle', root);
const leaf = issue(keys.leaf, root);
const deep = issue(keys.leaf, middle);
const past = new Date('2026-06-01T00:00:00Z');
const future = new Date('2026-07-01T00:00:00Z');

function trust(roots: readonly Holder[], intermediates: readonly Holder[] = []): Trust {
  return createTrust({
    roots: roots.map((each) => each.pem),
    intermediates: intermediates.map((each) => each.pem),
  });
}

function verdict(
  trusting: Trust,
  holder: { readonly certificate: Certificate },
  extra: readonly Holder[] = [],
  at = now,
): string {
  const answer = trusting.check(
    holder.certificate,
    extra.map((each) => each.certificate),
    at,
  );
  return answer.trusted ? `trusted over ${answer.path.length}` : answer.problem;
}

describe('trust', () => {
  it('holds for what a root or its intermediate issued', () => {
    expect(verdict(trust([root]), leaf)).toBe('trusted over 2');
    expect(verdict(trust([root], [middle]), deep)).toBe('trusted over 3');
    expect(verdict(trust([root]), deep, [middle])).toBe('trusted over 3');
  });

  it('holds over RSA, too', () => {
    const rsaRoot = authority(rsaKeys(), 'RSA Root');
    expect(verdict(trust([rsaRoot]), issue(keys.leaf, rsaRoot))).toBe('trusted over 2');
  });

  it('does not hold for what somebody else issued, even under the same names', () => {
    const imitation = authority(keys.other, 'Root');
    expect(verdict(trust([root]), issue(keys.leaf, imitation))).toBe('untrusted');
    expect(verdict(trust([root]), issue(keys.leaf, imitation), [imitation])).toBe('untrusted');
    expect(verdict(trust([imitation]), leaf)).toBe('untrusted');
    expect(verdict(trust([root]), deep)).toBe('untrusted');
  });

  it('finds the root among several of its name', () => {
    const imitation = authority(keys.other, 'Root');
    expect(verdict(trust([imitation, root]), leaf)).toBe('trusted over 2');
    expect(verdict(trust([root, imitation]), leaf)).toBe('trusted over 2');
  });

  it('never ends a path at an intermediate, configured or sent along', () => {
    const other = authority(keys.other, 'Other');
    expect(verdict(trust([other], [middle]), deep)).toBe('untrusted');
    expect(verdict(trust([other], [root, middle]), deep)).toBe('untrusted');
    expect(verdict(trust([other]), deep, [middle, root])).toBe('untrusted');
  });

  it('holds for a certificate that is itself a configured root', () => {
    const self = issue(keys.leaf, null);
    expect(verdict(trust([root, self]), self)).toBe('trusted over 1');
    expect(verdict(trust([root]), self)).toBe('untrusted');
    expect(verdict(trust([self]), issue(keys.other, self))).toBe('untrusted');
  });

  it.each([['certificate'], ['intermediate'], ['root']] as const)(
    'looks at the validity of the %s',
    (which) => {
      const chain = (times: { notBefore?: Date; notAfter?: Date }) => {
        const r = authority(keys.root, 'Root', null, which === 'root' ? times : {});
        const m = authority(keys.middle, 'Middle', r, which === 'intermediate' ? times : {});
        const l = issue(keys.leaf, m, which === 'certificate' ? times : {});
        return verdict(trust([r], [m]), l);
      };
      expect(chain({ notBefore: past, notAfter: yesterday })).toBe('expired');
      expect(chain({ notBefore: tomorrow, notAfter: future })).toBe('not-yet-valid');
      expect(chain({ notBefore: now, notAfter: now })).toBe('trusted over 3');
    },
  );

  it('says within which times the whole path is valid', () => {
    const short = authority(keys.root, 'Root', null, {
      notAfter: new Date('2026-06-15T13:00:00Z'),
    });
    expect(trust([short]).check(issue(keys.leaf, short).certificate, [], now)).toMatchObject({
      validFrom: yesterday,
      validTo: new Date('2026-06-15T13:00:00Z'),
    });
  });

  it.each([
    ['none', undefined, 'trusted over 2'],
    ['clientAuth', [oid.clientAuth], 'trusted over 2'],
    ['clientAuth among others', [oid.serverAuth, oid.clientAuth], 'trusted over 2'],
    ['any', [oid.anyExtendedKeyUsage], 'trusted over 2'],
    ['serverAuth only', [oid.serverAuth], 'bad-key-usage'],
  ])('judges a certificate with purposes: %s', (_, purposes, expected) => {
    const extendedKeyUsage = purposes === undefined ? {} : { extendedKeyUsage: purposes };
    expect(verdict(trust([root]), issue(keys.leaf, root, extendedKeyUsage))).toBe(expected);
    const limited = authority(keys.root, 'Root', null, extendedKeyUsage);
    expect(verdict(trust([limited]), issue(keys.leaf, limited))).toBe(expected);
  });

  it('demands that issuers are authorities that may sign certificates', () => {
    const plain = issue(keys.middle, root, { subject: { commonName: 'Middle' } });
    expect(verdict(trust([root]), issue(keys.leaf, plain), [plain])).toBe('untrusted');
    const mute = authority(keys.middle, 'Middle', root, { keyUsage: ['digitalSignature'] });
    expect(verdict(trust([root]), issue(keys.leaf, mute), [mute])).toBe('bad-key-usage');
  });

  it('demands that no more authorities follow than one allows', () => {
    const closed = authority(keys.root, 'Root', null, { ca: { pathLength: 0 } });
    const below = authority(keys.middle, 'Middle', closed);
    expect(verdict(trust([closed]), issue(keys.leaf, closed))).toBe('trusted over 2');
    expect(verdict(trust([closed], [below]), issue(keys.leaf, below))).toBe('untrusted');
    const open = authority(keys.root, 'Root', null, { ca: { pathLength: 1 } });
    const under = authority(keys.middle, 'Middle', open);
    expect(verdict(trust([open], [under]), issue(keys.leaf, under))).toBe('trusted over 3');
  });

  it('ends after eight certificates, and after enough work', () => {
    const chain = (length: number) => {
      const steps = [authority(keys.root, 'Step 0')];
      for (let n = 1; n < length - 1; n += 1) {
        steps.push(authority(keys.middle, `Step ${n}`, steps[n - 1]));
      }
      return { steps, end: issue(keys.leaf, steps.at(-1) ?? root) };
    };
    for (const [length, expected] of [
      [8, 'trusted over 8'],
      [9, 'untrusted'],
    ] as const) {
      const { steps, end } = chain(length);
      expect(verdict(trust(steps.slice(0, 1), steps.slice(1)), end)).toBe(expected);
    }
    const many = Array.from({ length: 60 }, () => authority(keys.other, 'Root'));
    expect(verdict(trust([root]), issue(keys.leaf, many[0] ?? root), many)).toBe('untrusted');
  });

  it('does not go round in circles', () => {
    const a = authority(keys.middle, 'A', authority(keys.low, 'B'));
    const b = authority(keys.low, 'B', a);
    expect(verdict(trust([root]), issue(keys.leaf, a), [a, b])).toBe('untrusted');
  });

  it('refuses SHA-1 signatures and critical extensions that it does not know', () => {
    const tbsWith = (algorithm: Buffer, extensions: readonly Buffer[]) =>
      derSequence(
        derContext(0, derInteger(2)),
        derInteger(7),
        algorithm,
        rsaRoot.certificate.subjectDer,
        derSequence(derTime(yesterday), derTime(tomorrow)),
        derSequence(),
        keys.leaf.publicKey.export({ format: 'der', type: 'spki' }),
        ...(extensions.length === 0 ? [] : [derContext(3, derSequence(...extensions))]),
      );
    const rsaRoot = authority(rsaKeys(), 'RSA Root');
    const made = (name: string, digest: string, extensions: readonly Buffer[] = []) => {
      const algorithm = derSequence(derOid(name), derNull());
      const tbs = tbsWith(algorithm, extensions);
      const signature = derBits(sign(digest, tbs, rsaRoot.privateKey));
      return { certificate: readCertificate(derSequence(tbs, algorithm, signature)) };
    };
    const unknown = derSequence(derOid('1.2.3.4'), derBoolean(true), derOctets(der(tag.null)));
    expect(verdict(trust([rsaRoot]), made(oid.sha256WithRsa, 'sha256'))).toBe('trusted over 2');
    expect(verdict(trust([rsaRoot]), made(oid.sha1WithRsa, 'sha1'))).toBe('untrusted');
    expect(verdict(trust([rsaRoot]), made(oid.sha256WithRsa, 'sha256', [unknown]))).toBe(
      'bad-key-usage',
    );
  });

  it('names what is wrong with a file of authorities', () => {
    const read = (pem: string) => () => createTrust({ roots: [pem], intermediates: [] });
    expect(read('')).toThrow(StartupError);
    expect(read('hello')).toThrow(/no PEM certificate/);
    expect(read(pemOf(root.der.subarray(0, 50)))).toThrow(/certificate 1 can't be read/);
    expect(read('-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----')).toThrow(/base64/);
  });

  it('reads several certificates of one text, whatever stands around them', () => {
    const other = authority(keys.other, 'Other');
    const text = `subject=Root\r\n${root.pem.replaceAll('\n', '\r\n')}# next\n${other.pem}`;
    const both = createTrust({ roots: [text], intermediates: [] });
    expect(verdict(both, leaf)).toBe('trusted over 2');
    expect(verdict(both, issue(keys.leaf, other))).toBe('trusted over 2');
  });
});
