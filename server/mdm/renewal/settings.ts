/** What the operator decided about renewing devices' certificates. */
export interface RenewalSettings {
  /** Milliseconds before its end in which a certificate is renewed; null: never by itself. */
  readonly before: number | null;
  /** Milliseconds after which a renewal that came to nothing is tried again. */
  readonly retry: number;
  /** Devices that are asked in an hour at most, for the authority's sake. */
  readonly perHour: number;
}
