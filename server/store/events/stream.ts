import type { Pool } from 'pg';

const text = 'select id, last_seq, oldest_seq from event_stream';

interface StreamRow {
  readonly id: string;
  readonly last_seq: string;
  readonly oldest_seq: string;
}

/** Which stream this database is, and which numbers it holds. */
export interface EventStream {
  /** UUID. A restored backup gets a new one, because its numbers are given out again. */
  readonly id: string;
  /** Every event up to this number is visible. */
  readonly lastSeq: bigint;
  /** No event below this number is kept. */
  readonly oldestSeq: bigint;
}

/** Reads the stream's own row. */
export async function readStream(pool: Pool): Promise<EventStream> {
  const result = await pool.query<StreamRow>({ name: 'read-stream', text });
  const row = result.rows[0];
  if (row === undefined) throw new Error('event_stream has lost its row');
  return streamOf(row);
}

/** The stream as a row of `event_stream` tells it. */
export function streamOf(row: StreamRow): EventStream {
  return { id: row.id, lastSeq: BigInt(row.last_seq), oldestSeq: BigInt(row.oldest_seq) };
}
