import { TLSSocket } from 'node:tls';
import type { Context } from 'koa';
import type { VerifiedCertificate } from '../model/identity.ts';
import { Refusal } from '../model/refusal.ts';
import { networkList, socketAddress } from './client-address.ts';

/** Says whose certificate proves a request. */
export interface Identify {
  /** Whether it is over the body, which then has to be read whole first. */
  readonly needsBody: boolean;
  /** @throws {Refusal} 400: no certificate, or not one to be trusted */
  certificate(ctx: Context, body: Buffer, at: Date): VerifiedCertificate;
}

type BySignature = (header: string | undefined, body: Buffer, at: Date) => VerifiedCertificate;
type ByHeader = (header: string | undefined, at: Date) => VerifiedCertificate;
type ByCertificate = (der: Buffer, at: Date) => VerifiedCertificate;

/** The ordinary way: a signature over the body, in `Mdm-Signature`. */
export function identifyBySignature(verify: BySignature): Identify {
  return {
    needsBody: true,
    certificate: (ctx, body, at) => verify(ctx.get('Mdm-Signature') || undefined, body, at),
  };
}

/**
 * A proxy in front ends TLS and names the client's certificate in a header. Anybody could write such a
 * header, so it is believed from the proxies' own addresses only.
 * @param proxies addresses or networks (`10.0.0.0/8`)
 */
export function identifyByHeader(
  name: string,
  proxies: readonly string[],
  verify: ByHeader,
): Identify {
  const trusted = networkList(proxies);
  return {
    needsBody: false,
    certificate(ctx, _body, at) {
      const address = socketAddress(ctx);
      if (!trusted(address)) {
        throw new Refusal(
          400,
          'untrusted-proxy',
          `${address} is not among --trusted-proxies, so its ${name} header is not believed`,
        );
      }
      const values = ctx.req.headersDistinct[name.toLowerCase()] ?? [];
      if (values.length > 1) {
        // A proxy that adds its own to what the client wrote: the first would be the client's word.
        throw new Refusal(400, 'bad-certificate', `The ${name} header came more than once.`);
      }
      return verify(values[0], at);
    },
  };
}

/** TLS ends here: a client certificate proves the request; without one the signature has to. */
export function identifyByTls(verify: ByCertificate, otherwise: Identify): Identify {
  return {
    needsBody: otherwise.needsBody,
    certificate(ctx, body, at) {
      const { socket } = ctx.req;
      const der = socket instanceof TLSSocket ? socket.getPeerCertificate().raw : undefined;
      return der === undefined ? otherwise.certificate(ctx, body, at) : verify(der, at);
    },
  };
}

/** Refuses certificates that were revoked, however they prove a request. */
export function refusingRevoked(
  identify: Identify,
  isRevoked: (sha256: Buffer) => boolean,
): Identify {
  return {
    needsBody: identify.needsBody,
    certificate(ctx, body, at) {
      const certificate = identify.certificate(ctx, body, at);
      if (!isRevoked(certificate.sha256)) return certificate;
      const hash = certificate.sha256.toString('hex');
      throw new Refusal(400, 'certificate-revoked', `certificate ${hash} was revoked`);
    },
  };
}
