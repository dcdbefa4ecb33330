import { randomBytes } from 'node:crypto';
import type { Certificate } from '../../server/protocol/cms/certificate.ts';
import { writeCertificateRequest } from '../../server/protocol/cms/certificate-request-write.ts';
import type { PkiRequest } from '../../server/protocol/scep/client.ts';
import { writePkiRequest } from '../../server/protocol/scep/client.ts';
import type { Holder, KeyPair } from '../protocol/authority.ts';
import { issue } from '../protocol/authority.ts';

/** A request of a device, with all that reading its reply needs. */
export interface Sent {
  readonly request: PkiRequest;
  readonly bytes: Buffer;
}

/** A device's self-signed certificate for its request. */
export const selfSigned = (keys: KeyPair): Holder =>
  issue(keys, null, { subject: { commonName: 'requester' } });

/** Writes a request as a device would; any part of it can be another. */
export function send(
  requester: Pick<Holder, 'privateKey' | 'certificate'>,
  recipient: Certificate,
  parts: Partial<PkiRequest> & { readonly challenge?: string } = {},
): Sent {
  const { challenge, ...others } = parts;
  const request: PkiRequest = {
    messageType: 'PKCSReq',
    transactionId: 'transaction-1',
    senderNonce: randomBytes(16),
    content: writeCertificateRequest({
      subject: { organization: 'Example', commonName: 'device' },
      key: requester.privateKey,
      ...(challenge !== undefined && { challengePassword: challenge }),
    }),
    recipient,
    cipher: 'aes-128-cbc',
    key: requester.privateKey,
    certificate: requester.certificate,
    ...others,
  };
  return { request, bytes: writePkiRequest(request) };
}
