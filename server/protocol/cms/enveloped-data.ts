import type { Algorithm } from './algorithm.ts';
import { algorithmOf } from './algorithm.ts';
import type { Element } from './ber.ts';
import {
  BerError,
  bytesOf,
  childrenOf,
  contentOf,
  expectTag,
  octetsOf,
  oidOf,
  readWhole,
  smallIntegerOf,
  tag,
} from './ber.ts';
import { oid } from './oids.ts';
import type { SignerId } from './signed-data.ts';
import { readSignerId } from './signed-data.ts';

/** For whom an envelope's key is encrypted. */
export interface Recipient {
  readonly id: SignerId;
  readonly algorithm: Algorithm;
  readonly wrappedKey: Buffer;
}

/** An EnvelopedData (RFC 5652, 6), or an AuthEnvelopedData (RFC 5083). */
export interface EnvelopedData {
  /** Those whose key is transported; other kinds are left out. */
  readonly recipients: readonly Recipient[];
  readonly cipher: Algorithm;
  readonly encrypted: Buffer;
  /** Only of an AuthEnvelopedData. */
  readonly authentication: { readonly tag: Buffer; readonly aad: Buffer } | null;
}

const recipientLimit = 10;

/** Reads a ContentInfo that holds an envelope, in DER or BER. Nothing is decrypted. @throws {BerError} */
export function parseEnvelopedData(bytes: Buffer): EnvelopedData {
  const [type, wrapper, more] = childrenOf(expectTag(readWhole(bytes), tag.sequence));
  const kind = oidOf(type);
  const authenticated = kind === oid.authEnvelopedData;
  if ((kind !== oid.envelopedData && !authenticated) || more !== undefined) {
    throw new BerError('no enveloped data');
  }
  const [envelope, another] = childrenOf(expectTag(wrapper, 0xa0));
  if (another !== undefined) throw new BerError('not exactly one element');
  const fields = [...childrenOf(expectTag(envelope, tag.sequence))];
  smallIntegerOf(fields.shift());
  if (fields[0]?.tag === 0xa0) fields.shift();
  const [recipients, content, ...rest] = fields;
  return {
    recipients: recipientsIn(recipients),
    ...contentIn(content),
    authentication: authenticated ? authenticationIn(rest) : null,
  };
}

function recipientsIn(set: Element | undefined): readonly Recipient[] {
  const all = childrenOf(expectTag(set, tag.set));
  if (all.length > recipientLimit) throw new BerError('too many recipients');
  return all
    .filter((each) => each.tag === tag.sequence)
    .map((each) => {
      const [version, id, algorithm, key, more] = childrenOf(each);
      smallIntegerOf(version);
      if (more !== undefined) throw new BerError('a recipient has too many parts');
      return {
        id: readSignerId(id),
        algorithm: algorithmOf(algorithm),
        wrappedKey: octetsOf(expectTag(key, tag.octetString)),
      };
    });
}

function contentIn(element: Element | undefined) {
  const [type, cipher, content, more] = childrenOf(expectTag(element, tag.sequence));
  if (oidOf(type) !== oid.data || content === undefined || more !== undefined) {
    throw new BerError('the encrypted content is malformed');
  }
  return { cipher: algorithmOf(cipher), encrypted: implicitOctets(content) };
}

/** An OCTET STRING under the tag [0], whole or in parts. */
function implicitOctets(element: Element): Buffer {
  if (element.tag === 0x80) return contentOf(element);
  const parts = childrenOf(expectTag(element, 0xa0));
  return Buffer.concat(parts.map((part) => contentOf(expectTag(part, tag.octetString))));
}

function authenticationIn(rest: readonly Element[]) {
  const fields = [...rest];
  const attributes = fields[0]?.tag === 0xa1 ? fields.shift() : undefined;
  const mac = octetsOf(expectTag(fields[0], tag.octetString));
  if (attributes === undefined) return { tag: mac, aad: Buffer.alloc(0) };
  // Authenticated as a SET, though it stands in the message with the tag [1] (RFC 5083, 2.2).
  const aad = Buffer.from(bytesOf(attributes));
  aad[0] = tag.set;
  return { tag: mac, aad };
}
