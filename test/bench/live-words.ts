/** Who is to be told, of what. */
export interface LiveOrder {
  readonly url: string;
  /** One for some hundred subscribers: a token may hold only so many subscriptions. */
  readonly tokens: readonly string[];
  /** Ids of the enrolments that each subscriber follows. */
  readonly follow: readonly (readonly string[])[];
  readonly after: string;
}

/** What subscribers are told to do. */
export type LiveWord =
  | { readonly do: 'subscribe'; readonly order: LiveOrder }
  /** Say what came, when so many deliveries have, or none has for some seconds. */
  | { readonly do: 'collect'; readonly expected: number };

/** What they say. */
export type LiveSaid =
  | { readonly say: 'subscribed' }
  | {
      readonly say: 'collected';
      /** By enrolment id and CommandUUID: how often it came, and when last, by `monotonicMs`. */
      readonly came: readonly (readonly [string, number, number])[];
      readonly problems: readonly string[];
    };

/** Milliseconds of a clock that all processes of a machine share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** What a delivery is known by. */
export function deliveryKey(enrollmentId: string, commandUuid: string): string {
  return `${enrollmentId} ${commandUuid}`;
}
