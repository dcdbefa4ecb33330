/** What the primary process tells a worker. */
export type PrimaryWord =
  /** Where all listen is told: the worker's log may flow. */
  | { readonly say: 'told' }
  | { readonly say: 'stop' }
  /** Another worker has numbered events. */
  | { readonly say: 'wake'; readonly lastSeq: string }
  /** What has been counted here? */
  | { readonly say: 'count'; readonly request: number }
  /** The metrics of all, as text. */
  | { readonly say: 'metrics'; readonly request: number; readonly text: string };

/** What a worker tells the primary process. */
export type WorkerWord =
  | { readonly say: 'listening'; readonly port: number; readonly url: string }
  | { readonly say: 'wake'; readonly lastSeq: string }
  | { readonly say: 'counted'; readonly request: number; readonly metrics: readonly object[] }
  /** What have all counted together? */
  | { readonly say: 'metrics'; readonly request: number };
