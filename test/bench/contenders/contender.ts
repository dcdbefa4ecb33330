import type { BenchDatabase } from '../database.ts';
import type { Proof } from '../load/devices.ts';

/** How a contender is to run. */
export interface RunOptions {
  readonly database: BenchDatabase;
  /** PEM file of the authority that devices' certificates come from. */
  readonly ca: string;
  readonly proof: Proof;
}

/** A server under load. */
export interface Running {
  readonly pid: number;
  readonly host: string;
  readonly port: number;
  /** Queues a command (an XML property list) for enrolments, by their ids: all that there are. */
  enqueue(ids: readonly string[], plist: string): Promise<void>;
  /** Adds so many enrolments that never speak, with ids that no device has. */
  addSilent(count: number): Promise<void>;
  /** Adds commands that were finished long ago: `each` for each of the enrolled devices. */
  addHistory(each: number): Promise<void>;
  stop(): Promise<void>;
}

/** A server that can be benchmarked. */
export interface Contender {
  readonly name: string;
  start(options: RunOptions): Promise<Running>;
}
