import type { IncomingHttpHeaders } from 'node:http';
import { request as requestSecure } from 'node:https';
import type { Clock } from '../model/clock.ts';
import type { Route } from './connect.ts';
import { connect } from './connect.ts';
import type { PushIdentity } from './push-identity.ts';

/** Which device to unlock, and the key that was kept in escrow for it. */
export interface EscrowUnlock {
  readonly serial: string;
  readonly productType: string;
  readonly imei?: string;
  readonly imei2?: string;
  readonly meid?: string;
  readonly orgName: string;
  readonly guid: string;
  readonly escrowKey: string;
}

/** Apple's answer as it came. */
export interface EscrowAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Time for all of it, milliseconds. */
const patience = 30_000;

/** Apple's answers are short. */
const mostBody = 1_048_576;

/**
 * Asks Apple to lift the Activation Lock of a device; the push certificate says who asks.
 * @throws {CertificateError} no TLS client can be made of the certificate
 * @throws {Error} no connection, no answer in time, or one above 1 MiB
 */
export async function unlockWithEscrowKey(
  route: Route,
  identity: PushIdentity,
  unlock: EscrowUnlock,
  clock: Clock,
): Promise<EscrowAnswer> {
  const { orgName, guid, escrowKey, ...device } = unlock;
  const url = new URL(route.url);
  for (const [name, value] of Object.entries(device)) url.searchParams.set(name, value);
  const form = new URLSearchParams({ orgName, guid, escrowKey }).toString();
  const late = new AbortController();
  const stopTimer = clock.setTimer(patience, () =>
    late.abort(new Error(`no answer within ${patience / 1000} s`)),
  );
  try {
    const socket = await connect(route, identity, 'http/1.1', late.signal);
    return await new Promise<EscrowAnswer>((resolve, reject) => {
      const asked = requestSecure(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': Buffer.byteLength(form),
          connection: 'close',
        },
        createConnection: () => socket,
        signal: late.signal,
      });
      asked.once('error', (error) => reject(late.signal.aborted ? late.signal.reason : error));
      asked.once('response', (answer) => {
        const chunks: Buffer[] = [];
        let length = 0;
        answer.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length > mostBody) asked.destroy(new Error('the answer is too long'));
          else chunks.push(chunk);
        });
        answer.once('error', reject);
        answer.once('end', () => {
          const { statusCode: status = 0, headers } = answer;
          resolve({ status, headers, body: Buffer.concat(chunks) });
        });
      });
      asked.end(form);
    });
  } finally {
    stopTimer();
  }
}
