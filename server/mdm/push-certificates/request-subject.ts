import { ValidationError } from '../../model/errors.ts';
import { tag } from '../../protocol/cms/ber.ts';
import {
  der,
  derOid,
  derPrintable,
  derSequence,
  derSet,
  derUtf8,
} from '../../protocol/cms/der-write.ts';
import { oid } from '../../protocol/cms/oids.ts';

/** Whom a request is from. Apple replaces the subject by its own; a vendor may look at it. */
export interface RequestSubject {
  readonly commonName: string;
  readonly email: string | null;
  /** Two letters, ISO 3166. */
  readonly country: string | null;
}

/** PKCS #9's emailAddress (RFC 2985, 5.2.1): an IA5String. */
const emailAddress = '1.2.840.113549.1.9.1';

/** Writes the Name of a request. @throws {ValidationError} a part that a Name can't hold */
export function writeRequestSubject({ commonName, email, country }: RequestSubject): Buffer {
  if (!/^[^\p{Cc}]{1,64}$/u.test(commonName)) {
    throw new ValidationError('BAD_COMMON_NAME', 'commonName has 1 to 64 characters.', [
      'input',
      'commonName',
    ]);
  }
  if (email !== null) checkEmail(email, ['input', 'email']);
  if (country !== null && !/^[A-Za-z]{2}$/.test(country)) {
    throw new ValidationError('BAD_COUNTRY', 'country is a code of two letters, such as US.', [
      'input',
      'country',
    ]);
  }
  const attribute = (type: string, value: Buffer) => derSet(derSequence(derOid(type), value));
  return derSequence(
    ...(country === null ? [] : [attribute(oid.country, derPrintable(country.toUpperCase()))]),
    attribute(oid.commonName, derUtf8(commonName)),
    ...(email === null
      ? []
      : [attribute(emailAddress, der(tag.ia5String, Buffer.from(email, 'latin1')))]),
  );
}

/** @throws {ValidationError} */
export function checkEmail(email: string, path: readonly string[]): void {
  if (/^[\x21-\x3f\x41-\x7e]+@[\x21-\x3f\x41-\x7e]+$/.test(email) && email.length <= 128) return;
  throw new ValidationError('BAD_EMAIL', 'This is no e-mail address.', path);
}
