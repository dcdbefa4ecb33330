import { isIP } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { connect as connectTls } from 'node:tls';
import type { PushIdentity } from './push-identity.ts';
import { secureContextOf } from './push-identity.ts';
import { openTunnel } from './proxy.ts';

/** Where Apple is and how to get there. */
export interface Route {
  /** An https URL; only its host and port count. */
  readonly url: URL;
  /** Whom to trust instead of the usual authorities, PEM. */
  readonly ca?: string;
  /** An HTTP proxy to go through. */
  readonly proxy?: URL | null;
}

/**
 * Opens TLS with the push certificate as the client's.
 *
 * With TLS 1.3 a server judges the certificate after the client's handshake has ended: a refusal comes
 * as an error of the finished connection.
 * @param protocol  the one that the server must choose (RFC 7301)
 * @throws {CertificateError} no client can be made of the certificate
 * @throws {Error} no connection, or an alert
 */
export async function connect(
  route: Route,
  identity: PushIdentity,
  protocol: 'h2' | 'http/1.1',
  signal: AbortSignal,
): Promise<TLSSocket> {
  const { url, ca, proxy } = route;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const options: ConnectionOptions = {
    secureContext: secureContextOf(identity, ca),
    ALPNProtocols: [protocol],
    ...(isIP(host) === 0 && { servername: host }),
  };
  const tunnel = proxy ? await openTunnel(proxy, url, signal) : null;
  const socket = connectTls(
    tunnel === null
      ? { ...options, host, port: Number(url.port || 443) }
      : { ...options, host, socket: tunnel },
  );
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      socket.destroy(signal.reason instanceof Error ? signal.reason : new Error('given up'));
    };
    const settle = (end: () => void): void => {
      signal.removeEventListener('abort', abort);
      socket.off('error', failed);
      end();
    };
    const failed = (error: Error): void => settle(() => reject(error));
    socket.once('error', failed);
    // Whoever takes the socket listens too; one that nobody took must not end the process.
    socket.on('error', () => {});
    socket.once('secureConnect', () => {
      if (socket.alpnProtocol === protocol || protocol === 'http/1.1') {
        settle(() => resolve(socket));
      } else socket.destroy(new Error(`the server does not speak ${protocol}`));
    });
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
