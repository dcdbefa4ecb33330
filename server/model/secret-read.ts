/** A secret that somebody was shown in clear, as the audit tells it: names, never the value. */
export type SecretRead =
  | { readonly what: 'commandBody'; readonly commandUuid: string; readonly requestType: string }
  | {
      readonly what: 'result';
      readonly enrollmentId: string;
      readonly commandUuid: string;
      readonly requestType: string;
    }
  | {
      readonly what: 'checkIn';
      readonly enrollmentId: string;
      readonly checkInId: string;
      readonly messageType: string;
    }
  | { readonly what: 'unlockToken' | 'bootstrapToken'; readonly enrollmentId: string };
