import type { Attribute, Attributes } from '../cms/attributes.ts';
import { singleValue } from '../cms/attributes.ts';
import type { Element } from '../cms/ber.ts';
import { BerError, contentOf, octetsOf, tag } from '../cms/ber.ts';
import { derOctets, derPrintable } from '../cms/der-write.ts';

const verisign = '2.16.840.1.113733.1.9.';

/** The signed attributes of SCEP (RFC 8894, 3.2.1). */
const scepOid = {
  messageType: `${verisign}2`,
  pkiStatus: `${verisign}3`,
  failInfo: `${verisign}4`,
  senderNonce: `${verisign}5`,
  recipientNonce: `${verisign}6`,
  transactionId: `${verisign}7`,
} as const;

export type MessageType = 'CertRep' | 'RenewalReq' | 'PKCSReq' | 'CertPoll' | 'GetCert' | 'GetCRL';

export type PkiStatus = 'success' | 'failure' | 'pending';

/** Why a request was refused, in the words of RFC 8894, 3.2.1.4. */
export type FailInfo = 'badAlg' | 'badMessageCheck' | 'badRequest' | 'badTime' | 'badCertId';

const messageTypes: Readonly<Record<MessageType, string>> = {
  CertRep: '3',
  RenewalReq: '17',
  PKCSReq: '19',
  CertPoll: '20',
  GetCert: '21',
  GetCRL: '22',
};
const statuses: Readonly<Record<PkiStatus, string>> = { success: '0', failure: '2', pending: '3' };
const failInfos: Readonly<Record<FailInfo, string>> = {
  badAlg: '0',
  badMessageCheck: '1',
  badRequest: '2',
  badTime: '3',
  badCertId: '4',
};

/** What a SCEP message says about itself. */
export interface ScepAttributes {
  readonly messageType: MessageType;
  /** Names the transaction from request to reply; up to 256 printable ASCII characters. */
  readonly transactionId: string;
  /** Usually 16 octets; some clients leave it out. */
  readonly senderNonce: Buffer | null;
  /** Replies only: the request's sender nonce. */
  readonly recipientNonce: Buffer | null;
  /** Replies only. */
  readonly pkiStatus: PkiStatus | null;
  /** Failures only. */
  readonly failInfo: FailInfo | null;
}

/** Reads them from among a message's signed attributes. @throws {BerError} */
export function readScepAttributes(attributes: Attributes): ScepAttributes {
  const text = (type: string) => textIn(singleValue(attributes, type));
  const word = <Word extends string>(type: string, words: Readonly<Record<Word, string>>) => {
    const code = text(type);
    return code === null ? null : wordFor(code, words);
  };
  const messageType = word(scepOid.messageType, messageTypes);
  const transactionId = text(scepOid.transactionId);
  if (messageType === null) throw new BerError('the message type is missing');
  if (transactionId === null || !/^[ -~]{1,256}$/.test(transactionId)) {
    throw new BerError('the transaction id is missing or malformed');
  }
  return {
    messageType,
    transactionId,
    senderNonce: nonceIn(singleValue(attributes, scepOid.senderNonce)),
    recipientNonce: nonceIn(singleValue(attributes, scepOid.recipientNonce)),
    pkiStatus: word(scepOid.pkiStatus, statuses),
    failInfo: word(scepOid.failInfo, failInfos),
  };
}

/** Writes those that are not null. */
export function writeScepAttributes(values: ScepAttributes): readonly Attribute[] {
  const { messageType, transactionId, senderNonce, recipientNonce, pkiStatus, failInfo } = values;
  const attribute = (type: string, value: Buffer | null): readonly Attribute[] =>
    value === null ? [] : [{ type, value }];
  return [
    ...attribute(scepOid.messageType, derPrintable(messageTypes[messageType])),
    ...attribute(scepOid.transactionId, derPrintable(transactionId)),
    ...attribute(scepOid.senderNonce, senderNonce && derOctets(senderNonce)),
    ...attribute(scepOid.recipientNonce, recipientNonce && derOctets(recipientNonce)),
    ...attribute(scepOid.pkiStatus, pkiStatus && derPrintable(statuses[pkiStatus])),
    ...attribute(scepOid.failInfo, failInfo && derPrintable(failInfos[failInfo])),
  ];
}

function wordFor<Word extends string>(code: string, words: Readonly<Record<Word, string>>): Word {
  for (const word in words) {
    if (words[word] === code) return word;
  }
  throw new BerError('a word of SCEP is unknown');
}

/** PrintableString as the RFC demands, or what clients write instead. */
function textIn(element: Element | undefined): string | null {
  if (element === undefined) return null;
  const types: readonly number[] = [tag.printableString, tag.utf8String, tag.ia5String];
  if (!types.includes(element.tag)) throw new BerError('an attribute is no text');
  return contentOf(element).toString('latin1');
}

function nonceIn(element: Element | undefined): Buffer | null {
  if (element === undefined) return null;
  const nonce = octetsOf(element);
  if (nonce.length < 1 || nonce.length > 64) throw new BerError('a nonce is too long');
  return nonce;
}
