import type { CheckpointItem, LiveItems } from '../server/events/live-item.ts';
import { decodeCursor } from '../server/events/cursor.ts';
import type { CommandProgress } from '../server/store/read/command-progress.ts';
import type { StreamEnd } from './live-stream.ts';

/** How a command stands, as of a position of the event stream or later. */
export interface ProgressItem {
  readonly kind: 'progress';
  readonly progress: CommandProgress;
  readonly cursor: string;
}

/** Between two looks of one subscriber: at most four a second. */
const spacingMs = 250;

/**
 * A snapshot at once, then another whenever events have changed it, until the command has finished. The
 * events only say that it is time to look; what is shown is read.
 * @param live   events about the command, behind `cursor`
 * @param cursor a position from before anything is read
 * @param read   null: the command has gone
 */
export function progressStream(
  live: LiveItems,
  cursor: string,
  read: () => Promise<CommandProgress | null>,
  setTimer: (ms: number, run: () => void) => () => void,
): AsyncIterableIterator<ProgressItem | CheckpointItem | StreamEnd> {
  /** The newest event that may have to be counted: one that was told of, or was there before. */
  let newest = decodeCursor(cursor).seq;
  let at = cursor;
  let changed = true;
  let checkpoint = false;
  let over = false;
  let failure: StreamEnd | null = null;
  let wake = (): void => {};

  // Goes on while the subscriber is slow, or the tail would have to keep all that is coming.
  async function pump(): Promise<void> {
    try {
      for await (const item of live) {
        at = item.cursor;
        if (item.kind === 'event') {
          newest = item.event.seq;
          changed = true;
        } else {
          checkpoint = true;
        }
        wake();
      }
    } catch (error) {
      failure = { kind: 'end', error };
    }
    over = true;
    wake();
  }

  function pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = setTimer(spacingMs, resolve);
      if (!over) return;
      cancel();
      resolve();
    });
  }

  async function* items() {
    void pump();
    let shown = '';
    while (!over) {
      if (changed) {
        changed = false;
        checkpoint = false;
        const position = at;
        const upTo = newest;
        const progress = await read();
        if (progress === null) return;
        const { upTo: counted, ...counts } = progress;
        const text = JSON.stringify(counts);
        if (text !== shown) {
          shown = text;
          yield { kind: 'progress', progress, cursor: position } as const;
        }
        if (progress.finished) return;
        // Told of, and not counted yet: look again.
        if (counted < upTo) changed = true;
        await pause();
      } else if (checkpoint) {
        checkpoint = false;
        yield { kind: 'checkpoint', cursor: at } as const;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = () => {};
      }
    }
    if (failure !== null) yield failure;
  }

  const inner: AsyncGenerator<ProgressItem | CheckpointItem | StreamEnd, undefined> =
    (async function* () {
      try {
        yield* items();
      } catch (error) {
        yield { kind: 'end', error };
      } finally {
        await live.return();
      }
      return undefined;
    })();
  const stream: AsyncIterableIterator<ProgressItem | CheckpointItem | StreamEnd> = {
    next: () => inner.next(),
    // At once, also while `next` is waiting: a generator of its own would queue this behind it.
    async return() {
      over = true;
      await live.return();
      wake();
      return inner.return(undefined);
    },
    [Symbol.asyncIterator]: () => stream,
  };
  return stream;
}
