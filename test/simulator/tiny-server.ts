import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { publicKeyOf, readCertificate } from '../../server/protocol/cms/certificate.ts';
import { parseSignedData } from '../../server/protocol/cms/signed-data.ts';
import { verifyDetached } from '../../server/protocol/cms/verify.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { parsePlist } from '../../server/protocol/plist/parse.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import { isPlistDict } from '../../server/protocol/plist/value.ts';

/** A message as it arrived, and what its signature is worth. */
export interface Heard {
  readonly method: string;
  readonly contentType: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly message: PlistDict;
  /** `holds`, the reason why not, or `absent`. */
  readonly verdict: string;
  /** The signer's certificate, hexadecimal DER. */
  readonly certificate: string;
  /** Whether the CMS is BER of indefinite length. */
  readonly indefinite: boolean;
}

export interface TinyServer {
  readonly url: URL;
  readonly heard: Heard[];
  /** Commands to hand out, one queue for all. */
  readonly queue: { uuid: string; command: PlistDict }[];
  /** Status of the answer to a message type; 200 when absent. */
  readonly statuses: Map<string, number>;
  close(): Promise<void>;
}

type Signature = Pick<Heard, 'verdict' | 'certificate' | 'indefinite'>;

function signatureOn(header: string | undefined, body: Buffer): Signature {
  if (header === undefined) return { verdict: 'absent', certificate: '', indefinite: false };
  const bytes = Buffer.from(header, 'base64');
  const signed = parseSignedData(bytes);
  const [first = Buffer.alloc(0)] = signed.certificates;
  const certificate = readCertificate(first);
  const { notBefore, notAfter } = certificate;
  const signer = { publicKey: publicKeyOf(certificate), notBefore, notAfter };
  return {
    verdict: verifyDetached(signed, body, signer),
    certificate: first.toString('hex'),
    indefinite: bytes[1] === 0x80,
  };
}

/** The least of a server that a simulated device needs: notes all, hands commands out in turn. */
export async function startTinyServer(): Promise<TinyServer> {
  const heard: Heard[] = [];
  const queue: TinyServer['queue'] = [];
  const statuses = new Map<string, number>();
  const passed = new Set<string>();

  const next = (message: PlistDict): Buffer => {
    const { Status: status, CommandUUID: uuid } = message;
    if (status === 'NotNow' && typeof uuid === 'string') passed.add(uuid);
    else {
      passed.clear();
      const at = queue.findIndex((entry) => entry.uuid === uuid);
      if (at >= 0) queue.splice(at, 1);
    }
    const entry = queue.find((candidate) => !passed.has(candidate.uuid));
    return entry
      ? buildPlist({ CommandUUID: entry.uuid, Command: entry.command })
      : Buffer.alloc(0);
  };

  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts);
      const root = parsePlist(body);
      const message: PlistDict = isPlistDict(root) ? root : {};
      const signature = request.headers['mdm-signature'];
      heard.push({
        method: request.method ?? '',
        contentType: request.headers['content-type'] ?? '',
        headers: request.headers,
        message: { ...message },
        ...signatureOn(signature?.toString(), body),
      });
      const type = message['MessageType'];
      response.statusCode = (typeof type === 'string' ? statuses.get(type) : undefined) ?? 200;
      response.end(type === undefined ? next(message) : undefined);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: new URL(`http://127.0.0.1:${port}/mdm`),
    heard,
    queue,
    statuses,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
