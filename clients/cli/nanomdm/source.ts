/** A line of a migration file, as docs/migrate-records.md describes it. Members that are undefined are left out. */
export interface MigrationRecord {
  readonly kind: string;
  readonly enrollment?: string | undefined;
  readonly [member: string]: unknown;
}

/** What a source holds that cannot come, and why. */
export interface LeftBehind {
  /** The kind of record that it would have been. */
  readonly kind: string;
  /** Of the enrolment, command or topic. */
  readonly id: string;
  /** Stable, upper-case word. */
  readonly code: string;
  readonly message: string;
}

/** One thing that was read. */
export type Item = { readonly record: MigrationRecord } | { readonly leftBehind: LeftBehind };

/** A NanoMDM's storage, opened to be read and never written. */
export interface Source {
  /**
   * All that is in it, read as it is taken: memory does not grow with it. Entries of one queue come
   * together, in their order.
   */
  items(): AsyncIterable<Item>;
  close(): Promise<void>;
}

export const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64');
