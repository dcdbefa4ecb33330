import type { OutgoingHttpHeaders } from 'node:http2';
import { constants, sensitiveHeaders } from 'node:http2';

/** One push as it goes out. */
export interface PushRequest {
  readonly topic: string;
  readonly token: Buffer;
  readonly pushMagic: string;
  /** Until when Apple keeps the push for a device that is asleep. */
  readonly expiresAt: Date;
  readonly priority: 10 | 5;
  readonly apnsId: string;
}

/** The headers that Apple wants ("Sending notification requests to APNs"). */
export function headersOf(request: PushRequest): OutgoingHttpHeaders {
  return {
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: `/3/device/${request.token.toString('hex')}`,
    'content-type': 'application/json',
    'apns-topic': request.topic,
    'apns-push-type': 'mdm',
    'apns-priority': String(request.priority),
    'apns-expiration': String(Math.floor(request.expiresAt.getTime() / 1000)),
    'apns-id': request.apnsId,
    // They differ in each push, so that they would only push what is common out of HPACK's table.
    [sensitiveHeaders]: [constants.HTTP2_HEADER_PATH, 'apns-id'],
  };
}

/** The payload that wakes an MDM client. */
export function bodyOf(request: PushRequest): string {
  return JSON.stringify({ mdm: request.pushMagic });
}
