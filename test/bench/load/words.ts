import type { Answers, Proof } from './devices.ts';

/** Who is to be loaded, and as whom. */
export interface LoadTarget {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  readonly proof: Proof;
  readonly key: 'rsa' | 'ec';
  /** Number of the first device. */
  readonly first: number;
  /** From one device's number to the next one's. */
  readonly step: number;
  readonly count: number;
  /** The authority's certificate and key, PEM. */
  readonly authority: { readonly certificate: string; readonly key: string };
}

/** What is to be done, all devices together. */
export type LoadOrder =
  /** Devices are made, and their poll with them. */
  | { readonly do: 'prepare'; readonly target: LoadTarget }
  /** The SHA-256 of each device's certificate is told. */
  | { readonly do: 'tell certificates' }
  /** Each device authenticates and updates its token. */
  | { readonly do: 'enrol' }
  /** Polls that must find nothing, devices in turn; with a rate, so many a second. */
  | {
      readonly do: 'poll';
      readonly requests: number;
      /** No more are begun after this time. */
      readonly seconds: number | null;
      readonly perSecond: number | null;
    }
  /** Answers to these commands are made and signed, besides those that are there. */
  | {
      readonly do: 'sign';
      readonly uuids: readonly string[];
      readonly bytes: number;
      readonly answers: Answers;
    }
  /** Each device polls and answers until its queue is empty. */
  | {
      readonly do: 'drain';
      /** Which devices: all, or those that have not been handed all that is signed for them. */
      readonly who: 'all' | 'unfinished';
      /** Whether commands are still on their way: one that has not come by the end is no fault. */
      readonly mayLeave: boolean;
    };

/** What the load generator says when it has done it. */
export interface LoadSaid {
  readonly outcome: LoadOutcome | null;
  /** In hexadecimal, when they were asked for. */
  readonly certificates: readonly string[];
}

/** What came of it. */
export interface LoadOutcome {
  readonly requests: number;
  readonly seconds: number;
  /** Of this process, both kinds. */
  readonly cpuSeconds: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** Commands that devices were handed, each device's once. */
  readonly delivered: number;
  /** Requests that were sent again: the server had closed the connection while it was idle. */
  readonly resent: number;
  /** What went wrong, the first few. */
  readonly problems: readonly string[];
}
