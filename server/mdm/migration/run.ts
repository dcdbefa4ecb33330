/** An import under way: on whose behalf, and where to. */
export interface ImportRun {
  /** Where what is new belongs; null: to the tenant of its topic, else to the default one. */
  readonly tenantId: number | null;
  readonly actor: string;
  readonly jobId: string | null;
  readonly at: Date;
  readonly traceId: string;
  /** Of these commands, those that the file brings: for a trial run, which makes none. */
  readonly commandsInFile: (uuids: readonly string[]) => Promise<ReadonlySet<string>>;
}

/** For imports that have no file. */
export const noneInFile = async (): Promise<ReadonlySet<string>> => new Set();
