import type { KeyObject } from 'node:crypto';
import type { Certificate } from '../protocol/cms/certificate.ts';
import { publicKeyOf } from '../protocol/cms/certificate.ts';
import { BerError } from '../protocol/cms/ber.ts';
import { schemeNamed, signatureHolds } from '../protocol/cms/algorithm.ts';
import { oid } from '../protocol/cms/oids.ts';
import { readPemBundle } from './pem.ts';

/** Why a certificate is not trusted. */
export type TrustProblem = 'untrusted' | 'expired' | 'not-yet-valid' | 'bad-key-usage';

/** The answer to whether a certificate may sign for a device. */
export type TrustVerdict =
  | {
      readonly trusted: true;
      /** The path, from the certificate to a root. */
      readonly path: readonly Certificate[];
      /** When all of the path is valid. */
      readonly validFrom: Date;
      readonly validTo: Date;
    }
  | { readonly trusted: false; readonly problem: TrustProblem; readonly reason: string };

/** The certificate authorities that devices' certificates must come from. */
export interface Trust {
  /**
   * Looks for a path from `leaf` to a root, through configured intermediates and `extra` ones.
   * @param extra  certificates that came with the message: steps of a path, never its end
   * @param at     the moment at which all of the path must be valid
   */
  check(leaf: Certificate, extra: readonly Certificate[], at: Date): TrustVerdict;
}

interface Authority {
  readonly certificate: Certificate;
  readonly root: boolean;
  key(): KeyObject | null;
}

/** Certificates in one path, leaf and root included. */
const pathLimit = 8;
/** Signatures checked for one answer, so that look-alike names can't buy work. */
const signatureLimit = 32;

/**
 * Prepares the check of certificate chains (RFC 5280, 6) against configured authorities: validity of
 * each certificate, names, signatures (SHA-224 or better, never SHA-1), basicConstraints with path
 * length, keyCertSign, and clientAuth where purposes are named. A certificate that is itself a
 * configured root passes. Certificates with critical extensions that we don't know are refused.
 * @param pems.roots          PEM texts, each of one or more certificates
 * @param pems.intermediates  PEM texts of further steps; never trusted by themselves
 * @throws {StartupError} a text holds no certificate, or one that can't be read
 */
export function createTrust(pems: {
  readonly roots: readonly string[];
  readonly intermediates: readonly string[];
}): Trust {
  const read = (texts: readonly string[], what: string, root: boolean): readonly Authority[] =>
    texts.flatMap((text) => readPemBundle(text, what)).map((each) => authorityOf(each, root));
  const roots = read(pems.roots, 'certificate authorities', true);
  const configured = [...roots, ...read(pems.intermediates, 'intermediate certificates', false)];
  return {
    check(leaf, extra, at) {
      const authorities = [...configured, ...extra.map((each) => authorityOf(each, false))];
      return search(leaf, authorities, at);
    },
  };
}

function authorityOf(certificate: Certificate, root: boolean): Authority {
  let key: KeyObject | null | undefined;
  return {
    certificate,
    root,
    key() {
      if (key === undefined) key = keyOrNull(certificate);
      return key;
    },
  };
}

function keyOrNull(certificate: Certificate): KeyObject | null {
  try {
    return publicKeyOf(certificate);
  } catch (error) {
    if (error instanceof BerError) return null;
    throw error;
  }
}

function search(leaf: Certificate, authorities: readonly Authority[], at: Date): TrustVerdict {
  const own = problemOf(leaf, at);
  if (own !== null) return own;
  let signatures = 0;
  let best: TrustVerdict = refused('untrusted', 'No configured authority issued the certificate.');

  const extend = (path: readonly Certificate[]): readonly Certificate[] | null => {
    const last = path.at(-1) ?? leaf;
    if (authorities.some((each) => each.root && each.certificate.der.equals(last.der))) return path;
    if (path.length >= pathLimit) return null;
    for (const authority of issuersOf(last, authorities)) {
      const issuer = authority.certificate;
      if (path.some((step) => step.der.equals(issuer.der))) continue;
      if (signatures >= signatureLimit) return null;
      signatures += 1;
      if (!issued(authority, last)) continue;
      const problem = problemOf(issuer, at) ?? authorityProblem(authority, path);
      if (problem !== null) {
        best = problem;
        continue;
      }
      const found = extend([...path, issuer]);
      if (found !== null) return found;
    }
    return null;
  };

  const path = extend([leaf]);
  if (path === null) return best;
  return {
    trusted: true,
    path,
    validFrom: new Date(Math.max(...path.map((each) => each.notBefore.getTime()))),
    validTo: new Date(Math.min(...path.map((each) => each.notAfter.getTime()))),
  };
}

/** Those with the issuer's name, roots before others, and those with the right key id first. */
function issuersOf(
  certificate: Certificate,
  authorities: readonly Authority[],
): readonly Authority[] {
  const named = authorities.filter((each) =>
    each.certificate.subjectDer.equals(certificate.issuerDer),
  );
  const keyId = certificate.authorityKeyId;
  const fits = ({ certificate: { subjectKeyId } }: Authority) =>
    keyId === null || subjectKeyId === null || subjectKeyId.equals(keyId);
  return [...named.filter(fits), ...named.filter((each) => !fits(each))];
}

function issued(authority: Authority, certificate: Certificate): boolean {
  const key = authority.key();
  const scheme = schemeOf(certificate);
  const digest = scheme?.digest ?? null;
  // A SHA-1 certificate can be forged by collision; Go's verifier refuses it as well.
  if (key === null || scheme === null || digest === null || digest === 'sha1') return false;
  return signatureHolds(scheme, digest, certificate.tbs, key, certificate.signature);
}

function schemeOf(certificate: Certificate) {
  try {
    return schemeNamed(certificate.signatureAlgorithm);
  } catch (error) {
    if (error instanceof BerError) return null;
    throw error;
  }
}

/** What is wrong with any certificate of a path. */
function problemOf(certificate: Certificate, at: Date): TrustVerdict | null {
  const { extendedKeyUsage, unknownCritical, notBefore, notAfter } = certificate;
  if (at < notBefore) {
    return refused('not-yet-valid', `Not valid before ${notBefore.toISOString()}.`);
  }
  if (at > notAfter) return refused('expired', `Expired on ${notAfter.toISOString()}.`);
  if (unknownCritical.length > 0) {
    return refused('bad-key-usage', `Unknown critical extension ${unknownCritical.join(', ')}.`);
  }
  const suits =
    extendedKeyUsage === null ||
    extendedKeyUsage.includes(oid.clientAuth) ||
    extendedKeyUsage.includes(oid.anyExtendedKeyUsage);
  return suits ? null : refused('bad-key-usage', 'Not meant for client authentication.');
}

/** What keeps a certificate from being the next step of this path. */
function authorityProblem(
  { certificate, root }: Authority,
  path: readonly Certificate[],
): TrustVerdict | null {
  const { basicConstraints, keyUsage, version } = certificate;
  // Roots of version 1 have no extensions to say it with; configuring them says it.
  const isAuthority = basicConstraints?.ca ?? (root && version < 3);
  if (!isAuthority) return refused('untrusted', 'Issued by a certificate that is no authority.');
  if (keyUsage !== null && !keyUsage.has('keyCertSign')) {
    return refused('bad-key-usage', 'Issued by an authority that may not sign certificates.');
  }
  const limit = basicConstraints?.pathLength ?? null;
  const between = path.slice(1).filter((each) => !each.subjectDer.equals(each.issuerDer)).length;
  return limit !== null && between > limit
    ? refused('untrusted', 'The chain is longer than its authority allows.')
    : null;
}

function refused(problem: TrustProblem, reason: string): TrustVerdict {
  return { trusted: false, problem, reason };
}
