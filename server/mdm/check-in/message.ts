import type { VerifiedCertificate } from '../../model/identity.ts';

/** How a device's message came in: the same for every kind. */
export interface Arrival {
  /** The bytes as sent. */
  readonly body: Buffer;
  readonly certificate: VerifiedCertificate;
  readonly at: Date;
  readonly traceId: string;
  /** The request's query parameters, the first value of each name; null when there are none. */
  readonly urlParams: Readonly<Record<string, string>> | null;
}
