import { BerError, bytesOf, childrenOf, expectTag, oidOf, readWhole, tag } from './ber.ts';
import { derContext, derInteger, derOid, derSequence, derSet } from './der-write.ts';
import { oid } from './oids.ts';
import { contentInfo } from './signed-data-write.ts';

const certificateLimit = 20;

/** Writes a degenerate SignedData: certificates in this order, and no signer (RFC 8894, 3.4). @returns DER */
export function writeCertsOnly(certificates: readonly Buffer[]): Buffer {
  return contentInfo(
    oid.signedData,
    derSequence(
      derInteger(1),
      derSet(),
      derSequence(derOid(oid.data)),
      derContext(0, ...certificates),
      derSet(),
    ),
  );
}

/** The certificates in a SignedData, whether anybody signed it or not. @returns DER of each @throws {BerError} */
export function readCertsOnly(bytes: Buffer): readonly Buffer[] {
  const [type, wrapper, more] = childrenOf(expectTag(readWhole(bytes), tag.sequence));
  if (oidOf(type) !== oid.signedData || more !== undefined) throw new BerError('no signed data');
  const [signed] = childrenOf(expectTag(wrapper, 0xa0));
  const fields = childrenOf(expectTag(signed, tag.sequence));
  const found = childrenOf(expectTag(fields[3], 0xa0));
  if (found.length > certificateLimit) throw new BerError('too many certificates');
  return found.filter((each) => each.tag === tag.sequence).map(bytesOf);
}
