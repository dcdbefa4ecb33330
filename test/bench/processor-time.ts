import { readFileSync } from 'node:fs';
import { withDescendants } from '../harness/process-tree.ts';

/** What `/proc` counts in: hundredths of a second on every Linux. */
const ticksPerSecond = 100;

/**
 * Processor seconds of a process and all that descend from it, those that have ended included (they are
 * their parent's once it has taken notice of them).
 */
export function processorSeconds(pid: number): number {
  let ticks = 0;
  for (const one of withDescendants(pid)) {
    const fields = statOf(one);
    if (fields === null) continue;
    // utime, stime, and of the children that have ended the same two: fields 14 to 17 of proc(5).
    for (let at = 11; at <= 14; at += 1) ticks += Number(fields[at]);
  }
  return ticks / ticksPerSecond;
}

/** Megabytes that a process and its descendants hold, shared ones by their part where `/proc` tells. */
export function memoryMegabytes(pid: number): number {
  let kilobytes = 0;
  for (const one of withDescendants(pid)) {
    try {
      const text = readFileSync(`/proc/${one}/status`, 'utf8');
      kilobytes += Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1] ?? 0);
    } catch {
      // It has ended.
    }
  }
  return kilobytes / 1024;
}

/** The parent of a process. */
export function parentOf(pid: number): number | null {
  const parent = statOf(pid)?.[1];
  return parent === undefined ? null : Number(parent);
}

/** The fields behind the name, which may hold anything: the first is the state. */
function statOf(pid: number): readonly string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

/** What a server takes of something, without its database's part where that runs below it. */
export function withoutDatabase(
  value: (pid: number) => number,
  server: number,
  postmaster: number | null,
): number {
  const isBelow = postmaster !== null && withDescendants(server).includes(postmaster);
  return value(server) - (isBelow ? value(postmaster) : 0);
}
