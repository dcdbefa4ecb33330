import { BerError, childrenOf, contentOf, expectTag, readWhole, tag } from '../protocol/cms/ber.ts';
import { readName } from '../protocol/cms/name.ts';

const limits = { bytes: 2048, attributes: 24, text: 256, names: 16 };
/** Control characters, line and paragraph separators, and what a broken UTF-8 text is read as. */
const unfit = /[\p{Cc}\u2028\u2029\uFFFD]/u;

/** Why a subject is not put into a certificate, or null if it is. An empty one is. */
export function subjectProblem(subjectDer: Buffer): string | null {
  if (subjectDer.length > limits.bytes) return 'the subject is too long';
  try {
    const attributes = readName(subjectDer).flat();
    if (attributes.length > limits.attributes) return 'the subject has too many parts';
    for (const { value } of attributes) {
      if (value.length === 0 || value.length > limits.text) {
        return 'a part of the subject is empty or too long';
      }
      if (unfit.test(value)) return 'the subject holds control characters';
    }
    return null;
  } catch (error) {
    if (error instanceof BerError) return `the subject is malformed: ${error.message}`;
    throw error;
  }
}

/** GeneralName (RFC 5280, 4.2.1.6): otherName, and those that are an IA5String. */
const otherName = 0xa0;
const texts: readonly number[] = [0x81, 0x82, 0x86];
const address = 0x87;

/** Why alternative names are not put into a certificate, or null if they are. */
export function alternativeNamesProblem(names: Buffer): string | null {
  if (names.length > limits.bytes) return 'the alternative names are too long';
  try {
    const all = childrenOf(expectTag(readWhole(names), tag.sequence));
    if (all.length === 0 || all.length > limits.names) return 'none or too many alternative names';
    for (const name of all) {
      const content = contentOf(name);
      if (texts.includes(name.tag)) {
        if (!/^[!-~]+$/.test(content.toString('latin1'))) return 'an alternative name is malformed';
      } else if (name.tag === address) {
        if (content.length !== 4 && content.length !== 16) return 'an address is malformed';
      } else if (name.tag !== otherName) {
        return 'an alternative name is of a type that is not accepted';
      }
    }
    return null;
  } catch (error) {
    if (error instanceof BerError) return `the alternative names are malformed: ${error.message}`;
    throw error;
  }
}
