/**
 * Hears that the stream has grown.
 * @param lastSeq the stream's last number, or null when something may have been missed
 */
export type WakeUpListener = (lastSeq: bigint | null) => void;

/**
 * How processes tell each other that there are new events. A wake-up may get lost: readers look for
 * themselves every second, so that events then come later, but come. Nothing here ever throws.
 */
export interface WakeUps {
  /** Wakes this process's listeners at once, and the other processes'. */
  publish(lastSeq: bigint): void;
  /** @returns a function that ends the listening */
  subscribe(listener: WakeUpListener): () => void;
  close(): Promise<void>;
}
