/** A line that shows how far something is; on a terminal it is drawn over. */
export interface Progress {
  step(): void;
  done(): void;
}

const width = 30;

/** Draws `label [#####.....] 5/10` on standard error. */
export function progress(label: string, total: number): Progress {
  const terminal = process.stderr.isTTY;
  let count = 0;
  const draw = (): void => {
    const filled = Math.round((count / Math.max(total, 1)) * width);
    const bar = `${'#'.repeat(filled)}${'.'.repeat(width - filled)}`;
    process.stderr.write(`${terminal ? '\r' : ''}  ${label.padEnd(22)} [${bar}] ${count}/${total}`);
    if (!terminal) process.stderr.write('\n');
  };
  if (terminal) draw();
  return {
    step() {
      count += 1;
      if (terminal || count === total) draw();
    },
    done() {
      if (terminal) process.stderr.write('\n');
    },
  };
}
