import type { Figures } from './measure.ts';

/** Figures for tests: all ones, and these. */
export function figures(more: Partial<Figures>): Figures {
  return {
    ...{ requests: 1, seconds: 1, perSecond: 1, serverMs: 1, databaseMs: 1, serverCores: 1 },
    ...{
      databaseCores: 1,
      p50: 1,
      p95: 1,
      p99: 1,
      statements: 1,
      pages: 1,
      devicePages: 1,
      walBytes: 1,
    },
    ...{
      memoryMb: 1,
      grownMb: 0,
      databaseConnections: 1,
      deviceConnections: 1,
      resent: 0,
      deadlocks: 0,
    },
    ...{ load: 0.1, memory: [], problems: [] },
    ...more,
  };
}
