import type { IncomingHttpHeaders } from 'node:http2';
import { problemOfReason } from './certificate-problem.ts';
import type { PushOutcome, Rejected } from './outcome.ts';

/** Apple's answer as it came. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const rejections: ReadonlyMap<string, Rejected['kind']> = new Map([
  ['BadDeviceToken', 'bad-device-token'],
  ['DeviceTokenNotForTopic', 'device-token-not-for-topic'],
  ['TopicDisallowed', 'topic-disallowed'],
]);

/**
 * Reads Apple's answer to a push ("Handling notification responses from APNs").
 * @param apnsId  what we called the push, if the answer names no other
 */
export function outcomeOf(answer: Answer, apnsId: string, now: Date): PushOutcome {
  const { status, headers } = answer;
  const named = headers['apns-id'];
  const id = typeof named === 'string' && named !== '' ? named : apnsId;
  if (status === 200) return { kind: 'accepted', status, apnsId: id };

  const { reason = `HTTP ${status}`, timestamp } = readBody(answer.body);
  const refusal = { status, reason, apnsId: id };
  const problem = problemOfReason(reason);
  if (problem !== null) return { kind: 'certificate-refused', ...refusal, problem };
  if (status === 410) return { kind: 'unregistered', ...refusal, since: dateOf(timestamp) };
  const retryAfter = retryAfterOf(headers['retry-after'], now);
  if (status === 429) return { kind: 'too-many-requests', ...refusal, retryAfter };
  // IdleTimeout is a 400, but about the connection and not about the request.
  if (status >= 500 || status === 408 || reason === 'IdleTimeout') {
    return { kind: 'transient', ...refusal, retryAfter, mayHaveArrived: false };
  }
  return { kind: rejections.get(reason) ?? 'rejected', ...refusal };
}

/** The `reason` in the JSON that Apple sends with a refusal and with a GOAWAY, if there is one. */
export function reasonIn(json: Buffer): string | null {
  return readBody(json).reason ?? null;
}

/** @returns milliseconds, or null (RFC 9110, 10.2.3: seconds or a date) */
export function retryAfterOf(value: string | undefined, now: Date): number | null {
  if (value === undefined) return null;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - now.getTime());
}

function readBody(body: Buffer): { reason?: string; timestamp?: number } {
  try {
    const json: unknown = JSON.parse(body.toString('utf8'));
    if (typeof json !== 'object' || json === null) return {};
    const reason = 'reason' in json ? json.reason : undefined;
    const timestamp = 'timestamp' in json ? json.timestamp : undefined;
    return {
      // It is shown and stored: what is no reason of Apple's stays short.
      ...(typeof reason === 'string' && reason !== '' && { reason: reason.slice(0, 100) }),
      ...(typeof timestamp === 'number' && { timestamp }),
    };
  } catch {
    return {};
  }
}

function dateOf(timestamp: number | undefined): Date | null {
  const date = new Date(timestamp ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}
