import type { Apns } from '../../apns/client.ts';

/** What pushing needs beside the rest. */
export interface PushContext {
  readonly apns: Apns;
  /** 0 to 1: spreads retries. */
  readonly random: () => number;
  readonly identities: PushIdentities;
}

/** The push certificates in use in this process. */
export interface PushIdentities {
  /** Tells which version of a topic's certificate is the one now: a claim has just read it. */
  seen(topic: string, version: number): void;
  /** Notes that Apple refuses this version of the topic's certificate. Never fails. */
  refused(topic: string, version: number, reason: string): void;
}
