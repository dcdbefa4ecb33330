import type { Device } from '../../clients/simulator/device.ts';
import type { Identity } from '../../clients/simulator/identity.ts';
import { sendRaw } from '../build/raw-request.ts';
import type { TestServer } from '../harness/server.ts';

/** The header in which a proxy names certificates, for `--cert-header`. */
export const certHeader = 'X-Client-Cert';

/** A device that is enrolled at a server that takes its certificate from a header. */
export async function byHeader(at: TestServer, number: number): Promise<Device> {
  const { identity } = await at.device(number);
  const made = await at.device(number, {
    identity,
    address: {
      serverUrl: new URL(at.deviceUrl),
      proof: { by: 'header', name: certHeader, format: 'rfc9440' },
      send: async ({ url, headers, contentType, body }) => {
        const sent = { ...headers, 'Content-Type': contentType };
        const reply = await sendRaw({ url: url.href, headers: sent, body });
        return { ...reply, contentType: reply.headers['content-type'] ?? '', milliseconds: 0 };
      },
    },
  });
  await made.enrol();
  return made;
}

/** The header that names an identity's certificate, as RFC 9440 has it. */
export const named = ({ certificate }: Identity) => ({
  [certHeader]: `:${certificate.toString('base64')}:`,
});
