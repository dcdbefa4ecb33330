/** Where output goes: a terminal, a file, a pipe. */
export interface Sink {
  /** Whether a person reads it as it comes. */
  readonly isTerminal: boolean;
  /** Characters in a line of the terminal. */
  readonly columns: number;
  /** Resolves when the reader has room for more. */
  write(text: string): Promise<void>;
}

/** All that a command touches of the process that it runs in, so that tests can bring their own. */
export interface Io {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly stdin: {
    readonly isTerminal: boolean;
    /** Everything, to its end. */
    bytes(): Promise<Buffer>;
    /** What is typed as one line, and not shown if `hidden`; null at the end of input. */
    line(question: string, options?: { readonly hidden?: boolean }): Promise<string | null>;
  };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted when the user wants it to end (Ctrl-C). */
  readonly interrupted: AbortSignal;
}
