import { webcrypto } from 'node:crypto';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';

const engine = new pkijs.CryptoEngine({ name: 'node', crypto: globalThis.crypto });
pkijs.setEngine('node', engine);

/** What pkijs says of a detached signature over `body`. It throws where it could say no: that is no. */
export async function pkijsAccepts(cms: Buffer, body: Buffer): Promise<boolean> {
  try {
    const { result } = asn1js.fromBER(new Uint8Array(cms));
    const signed = new pkijs.SignedData({
      schema: new pkijs.ContentInfo({ schema: result }).content,
    });
    return await signed.verify({ signer: 0, data: new Uint8Array(body).buffer });
  } catch {
    return false;
  }
}

/** A signature as pkijs makes it: DER, detached, with or without signed attributes. */
export async function pkijsSigns(options: {
  readonly body: Buffer;
  readonly certificate: Buffer;
  readonly privateKey: webcrypto.CryptoKey;
  readonly hash: string;
  readonly attributes: boolean;
}): Promise<Buffer> {
  const certificate = pkijs.Certificate.fromBER(new Uint8Array(options.certificate));
  const body = new Uint8Array(options.body).buffer;
  const signer = new pkijs.SignerInfo({
    version: 1,
    sid: new pkijs.IssuerAndSerialNumber({
      issuer: certificate.issuer,
      serialNumber: certificate.serialNumber,
    }),
  });
  if (options.attributes) {
    const digest = await webcrypto.subtle.digest(options.hash, body);
    const attribute = (type: string, value: asn1js.BaseBlock) =>
      new pkijs.Attribute({ type, values: [value] });
    signer.signedAttrs = new pkijs.SignedAndUnsignedAttributes({
      type: 0,
      attributes: [
        attribute(
          '1.2.840.113549.1.9.3',
          new asn1js.ObjectIdentifier({ value: '1.2.840.113549.1.7.1' }),
        ),
        attribute('1.2.840.113549.1.9.4', new asn1js.OctetString({ valueHex: digest })),
      ],
    });
  }
  const signed = new pkijs.SignedData({
    version: 1,
    encapContentInfo: new pkijs.EncapsulatedContentInfo({ eContentType: '1.2.840.113549.1.7.1' }),
    signerInfos: [signer],
    certificates: [certificate],
  });
  await signed.sign(options.privateKey, 0, options.hash, body);
  const content = new pkijs.ContentInfo({
    contentType: '1.2.840.113549.1.7.2',
    content: signed.toSchema(true),
  });
  return Buffer.from(content.toSchema().toBER());
}
