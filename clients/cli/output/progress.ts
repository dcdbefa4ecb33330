import type { Sink } from '../io.ts';

/** A bar on a line of its own below what is printed. */
export interface Progress {
  show(done: number, total: number | null, note: string): Promise<void>;
  /** Makes room for a line; the bar comes back with the next `show`. */
  clear(): Promise<void>;
}

const width = 24;

/** Draws on a terminal only: nothing of it ends in a file. */
export function progressOn(sink: Sink): Progress {
  let isShown = false;
  let shown = '';
  return {
    async show(done, total, note) {
      if (!sink.isTerminal) return;
      const line = `${barOf(done, total)} ${note}`.slice(0, Math.max(20, sink.columns - 1));
      if (isShown && line === shown) return;
      await sink.write(`${isShown ? '\r\u001B[2K' : ''}${line}`);
      isShown = true;
      shown = line;
    },
    async clear() {
      if (!isShown) return;
      isShown = false;
      await sink.write('\r\u001B[2K');
    },
  };
}

function barOf(done: number, total: number | null): string {
  if (total === null || total === 0) return `${done}`;
  const filled = Math.round(Math.min(1, done / total) * width);
  return `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${done}/${total}`;
}
