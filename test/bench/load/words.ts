import type { Proof } from './devices.ts';

/** Who is to be loaded, and as whom. */
export interface LoadTarget {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  readonly proof: Proof;
  readonly key: 'rsa' | 'ec';
  /** Number of the first device. */
  readonly first: number;
  readonly count: number;
  /** The authority's certificate and key, PEM. */
  readonly authority: { readonly certificate: string; readonly key: string };
}

/** What is to be done, all devices together. */
export type LoadOrder =
  /** Devices are made, and their poll with them. */
  | { readonly do: 'prepare'; readonly target: LoadTarget }
  /** Each device authenticates and updates its token. */
  | { readonly do: 'enrol' }
  /** Polls that must find nothing, devices in turn; with a rate, so many a second. */
  | { readonly do: 'poll'; readonly requests: number; readonly perSecond: number | null }
  /** Answers to these commands are made and signed. */
  | { readonly do: 'sign'; readonly uuids: readonly string[]; readonly bytes: number }
  /** Each device polls and answers until its queue is empty. */
  | { readonly do: 'drain' };

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
  /** What went wrong, the first few. */
  readonly problems: readonly string[];
}
