import type { Deliver, MessageKind } from './channel.ts';
import type { Reply, Send } from './http.ts';
import type { Identity, SignatureStyle } from './identity.ts';
import { certificatePem, signMessage } from './identity.ts';

const contentTypes: Readonly<Record<MessageKind, string>> = {
  'check-in': 'application/x-apple-aspen-mdm-checkin',
  report: 'application/x-apple-aspen-mdm',
};

/** How a device proves who it is: by its signature, or by TLS ending at a proxy that names it. */
export type Proof =
  | { readonly by: 'signature'; readonly style: SignatureStyle }
  | { readonly by: 'header'; readonly name: string; readonly format: 'rfc9440' | 'pem' };

/** Where a device's messages go and in what form. */
export interface ServerAddress {
  readonly serverUrl: URL;
  /** Where check-ins go; the same as `serverUrl` when absent, as in profiles. */
  readonly checkInUrl?: URL;
  readonly proof: Proof;
  /** Whether content types say `; charset=UTF-8`, as some systems do. */
  readonly charset?: boolean;
  readonly send: Send;
}

/** An RFC 9440 Client-Cert value, or URL-escaped PEM as proxies make it. */
function headerValue({ certificate }: Identity, format: 'rfc9440' | 'pem'): string {
  return format === 'rfc9440'
    ? `:${certificate.toString('base64')}:`
    : encodeURIComponent(certificatePem(certificate));
}

function proofHeaders(proof: Proof, identity: Identity, body: Buffer): Record<string, string> {
  if (proof.by === 'header') return { [proof.name]: headerValue(identity, proof.format) };
  return { 'Mdm-Signature': signMessage(identity, body, proof.style).toString('base64') };
}

/**
 * What sends a device's messages, each with proof of the identity that it has at that moment.
 * @param heard  told every answer, for statistics
 */
export function createDeliver(
  address: ServerAddress,
  identity: () => Identity,
  heard: (kind: MessageKind, reply: Reply) => void = () => {},
): Deliver {
  return async (kind, body) => {
    const reply = await address.send({
      url: kind === 'check-in' ? (address.checkInUrl ?? address.serverUrl) : address.serverUrl,
      contentType: contentTypes[kind] + (address.charset ? '; charset=UTF-8' : ''),
      headers: proofHeaders(address.proof, identity(), body),
      body,
    });
    heard(kind, reply);
    return reply;
  };
}
