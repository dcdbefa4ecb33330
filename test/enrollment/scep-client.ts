import { createPublicKey, type KeyObject, randomBytes, randomUUID } from 'node:crypto';
import { fetchScep, scepServer } from '../../clients/simulator/scep-transport.ts';
import { type Certificate, readCertificate } from '../../server/protocol/cms/certificate.ts';
import { writeCertificateRequest } from '../../server/protocol/cms/certificate-request-write.ts';
import { issueCertificate } from '../../server/protocol/cms/x509-write.ts';
import type { CertRep, PkiRequest } from '../../server/protocol/scep/client.ts';
import { readCertRep, writePkiRequest } from '../../server/protocol/scep/client.ts';
import { rsaKey } from './enroll-server.ts';

/** Who asks: a key, and the certificate that the messages are signed with. */
export interface Requester {
  readonly key: KeyObject;
  readonly certificate: Certificate;
}

const day = 86_400_000;

/** A requester with a self-signed certificate. */
export function requester(key: KeyObject = rsaKey()): Requester {
  const now = Date.now();
  const der = issueCertificate({
    subject: { commonName: 'requester' },
    publicKey: createPublicKey(key),
    issuerKey: key,
    notBefore: new Date(now - day),
    notAfter: new Date(now + day),
  });
  return { key, certificate: readCertificate(der) };
}

/** Parts of a message; each may be another than a well-behaved client's. */
export interface MessageParts extends Partial<Omit<PkiRequest, 'key' | 'certificate'>> {
  readonly challenge?: string;
  /** Of the request inside. @default the requester's */
  readonly requestKey?: KeyObject;
  readonly subject?: Parameters<typeof writeCertificateRequest>[0]['subject'];
}

/** SCEP as tests speak it, which choose every part themselves. */
export interface ScepClient {
  readonly url: URL;
  readonly authorities: readonly Certificate[];
  /** Writes a message. */
  write(
    who: Requester,
    parts?: MessageParts,
  ): { readonly request: PkiRequest; readonly bytes: Buffer };
  /** Sends a message by POST and reads the reply. */
  ask(who: Requester, parts?: MessageParts): Promise<CertRep>;
}

export async function scepClient(serverUrl: string): Promise<ScepClient> {
  const url = new URL('/scep', serverUrl);
  const authorities = await scepServer(url, fetchScep).certificates(null);
  const [recipient] = authorities;
  if (recipient === undefined) throw new Error('no authority');
  const client: ScepClient = {
    url,
    authorities,
    write(who, { challenge, requestKey, subject, ...parts } = {}) {
      const request: PkiRequest = {
        messageType: 'PKCSReq',
        transactionId: randomUUID(),
        senderNonce: randomBytes(16),
        content: writeCertificateRequest({
          subject: subject ?? { commonName: 'device' },
          key: requestKey ?? who.key,
          ...(challenge !== undefined && { challengePassword: challenge }),
        }),
        recipient,
        cipher: 'aes-128-cbc',
        ...who,
        ...parts,
      };
      return { request, bytes: writePkiRequest(request) };
    },
    async ask(who, parts) {
      const { request, bytes } = client.write(who, parts);
      const reply = await scepServer(url, fetchScep).operate(bytes, true);
      return readCertRep(reply, request, authorities);
    },
  };
  return client;
}

/** The certificate of a reply that is a success. */
export function certificateIn(reply: CertRep): Buffer {
  if (reply.status !== 'success') throw new Error(JSON.stringify(reply));
  return reply.certificates[0] ?? Buffer.alloc(0);
}

/** The same requester with the certificate that it got. */
export function holding({ key }: Requester, certificate: Buffer): Requester {
  return { key, certificate: readCertificate(certificate) };
}
