import { readCertificate } from '../../server/protocol/cms/certificate.ts';
import type { Certificate } from '../../server/protocol/cms/certificate.ts';
import { readCertsOnly } from '../../server/protocol/cms/certs-only.ts';
import { readCapabilities } from '../../server/protocol/scep/capabilities.ts';

export interface ScepReply {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/** Sends one request: a POST if there is a body, else a GET. */
export type ScepSend = (url: URL, body: Buffer | null) => Promise<ScepReply>;

/** Sends by Node's own client, which trusts the system's roots. */
export const fetchScep: ScepSend = async (url, body) => {
  const reply = await fetch(url, {
    method: body === null ? 'GET' : 'POST',
    ...(body && {
      body: new Uint8Array(body),
      headers: { 'Content-Type': 'application/x-pki-message' },
    }),
  });
  return {
    status: reply.status,
    contentType: reply.headers.get('content-type') ?? '',
    body: Buffer.from(await reply.arrayBuffer()),
  };
};

/** The operations of a SCEP server. Each rejects when it is not answered as RFC 8894 says. */
export interface ScepServer {
  capabilities(): Promise<ReadonlySet<string>>;
  /** @param name  which authority, as the SCEP payload names it */
  certificates(name: string | null): Promise<readonly Certificate[]>;
  /** @param post  whether the server takes messages by POST @returns the reply's message */
  operate(message: Buffer, post: boolean): Promise<Buffer>;
}

export function scepServer(url: URL, send: ScepSend): ScepServer {
  const at = (operation: string, message: string | null): URL => {
    const address = new URL(url);
    address.searchParams.set('operation', operation);
    if (message !== null) address.searchParams.set('message', message);
    return address;
  };
  return {
    async capabilities() {
      const { status, body } = await send(at('GetCACaps', null), null);
      // A server without the operation has none of them (RFC 8894, 3.5.1).
      return status === 200 ? readCapabilities(body) : new Set();
    },
    async certificates(name) {
      const reply = await send(at('GetCACert', name), null);
      const type = expected(reply, ['application/x-x509-ca-cert', 'application/x-x509-ca-ra-cert']);
      const found = type.endsWith('ra-cert') ? readCertsOnly(reply.body) : [reply.body];
      return found.map(readCertificate);
    },
    async operate(message, post) {
      const reply = post
        ? await send(at('PKIOperation', null), message)
        : await send(at('PKIOperation', message.toString('base64')), null);
      expected(reply, ['application/x-pki-message']);
      return reply.body;
    },
  };
}

function expected({ status, contentType }: ScepReply, types: readonly string[]): string {
  const type = contentType.split(';')[0]?.trim() ?? '';
  if (status !== 200) throw new Error(`the SCEP server answered ${status}`);
  if (!types.includes(type)) throw new Error(`the SCEP server answered with ${type}`);
  return type;
}
