import type { BenchDatabase, WatchedDatabase } from '../database.ts';
import type { Proof } from '../load/devices.ts';
import type { Shape } from '../shape.ts';

/** How a contender is to run. */
export interface RunOptions {
  readonly database: BenchDatabase;
  /** PEM file of the authority that devices' certificates come from. */
  readonly ca: string;
  readonly proof: Proof;
}

/** A device that is enrolled without having spoken. */
export interface Adopted {
  readonly udid: string;
  /** SHA-256 of its certificate. */
  readonly certificate: Buffer;
}

/** A server under load. */
export interface Running {
  readonly pid: number;
  readonly host: string;
  readonly port: number;
  /** The database that it runs itself, and uses instead of the one that was made for it. */
  readonly database?: WatchedDatabase;
  /** What those of its SQL statements have in them that answer polls and reports; null: all may. */
  readonly deviceStatements: string | null;
  /** Queues a command (an XML property list) for enrolments, by their ids: for one, or for all that there are. */
  enqueue(ids: readonly string[], plist: string): Promise<void>;
  /** Gives enrolments that `fill` has made the certificates of devices. */
  adopt(devices: readonly Adopted[]): Promise<void>;
  stop(): Promise<void>;
}

/** A server that can be benchmarked. */
export interface Contender {
  readonly name: string;
  /** Those of one family have the same tables. */
  readonly family: string;
  /** Fills an empty database as the server itself would leave it behind, vacuumed and analysed. */
  fill(database: BenchDatabase, shape: Shape): Promise<void>;
  start(options: RunOptions): Promise<Running>;
}
