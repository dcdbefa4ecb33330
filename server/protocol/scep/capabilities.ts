/** What a SCEP server can do, in the words of RFC 8894, 3.5.2. */
export type Capability =
  | 'POSTPKIOperation'
  | 'SHA-1'
  | 'SHA-256'
  | 'SHA-512'
  | 'AES'
  | 'DES3'
  | 'SCEPStandard'
  | 'Renewal';

/** The answer to GetCACaps: a word in each line. */
export function writeCapabilities(capabilities: readonly Capability[]): Buffer {
  return Buffer.from(`${capabilities.join('\n')}\n`, 'latin1');
}

/** The words of such an answer, those that we don't know included. */
export function readCapabilities(body: Buffer): ReadonlySet<string> {
  const words = body.toString('latin1').split(/[\r\n]+/);
  return new Set(words.map((word) => word.trim()).filter((word) => word !== ''));
}
