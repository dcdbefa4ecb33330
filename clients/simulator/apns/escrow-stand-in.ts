import { once } from 'node:events';
import { createServer } from 'node:https';
import { TLSSocket } from 'node:tls';
import type { Authority } from '../identity.ts';
import { certificatePem } from '../identity.ts';
import { topicOf } from './checks.ts';
import { makeServerCertificate } from './push-certificates.ts';

/** A request to unlock a device, as it came. */
export interface ReceivedUnlock {
  /** The push certificate's topic; null when it shows none that counts. */
  readonly topic: string | null;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly form: Readonly<Record<string, string>>;
}

/** A local server in place of Apple's for escrow keys. */
export interface EscrowStandIn {
  readonly url: URL;
  readonly requests: readonly ReceivedUnlock[];
  /** What is answered to a caller with a push certificate; may be changed. */
  answer: { readonly status: number; readonly body: string };
  close(): Promise<void>;
}

/** @param authority  who issues the push certificates, and this server's */
export async function startEscrowStandIn(authority: Authority): Promise<EscrowStandIn> {
  const requests: ReceivedUnlock[] = [];
  const { certificate, key } = await makeServerCertificate(authority, 'localhost');
  const server = createServer({
    cert: certificate,
    key,
    ca: certificatePem(authority.certificate),
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.on('request', async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const { pathname, searchParams } = new URL(request.url ?? '', 'https://localhost');
    const { socket } = request;
    const shown =
      socket instanceof TLSSocket && socket.authorized
        ? socket.getPeerX509Certificate()?.raw
        : undefined;
    const topic = shown === undefined ? null : topicOf(shown);
    requests.push({
      topic,
      method: request.method ?? '',
      path: pathname,
      query: Object.fromEntries(searchParams),
      form: Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString('utf8'))),
    });
    const { status, body } =
      topic === null ? { status: 403, body: '{"code":"FORBIDDEN"}' } : standIn.answer;
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const standIn: EscrowStandIn = {
    url: new URL(`https://localhost:${port}/deviceservicesworkers/escrowKeyUnlock`),
    requests,
    answer: { status: 200, body: '{"code":"200"}' },
    async close() {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return standIn;
}
