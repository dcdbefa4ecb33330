/** How much a job does in one transaction: less once that has taken too long. */
export interface PageSize {
  now(): number;
  /** Takes half as many from now on. @returns false when fewer cannot be */
  halve(): boolean;
  /** A page was in time: the next may be a little longer. */
  grow(): void;
}

/** @param most so many at first, and never more */
export function createPageSize(most: number): PageSize {
  let size = most;
  return {
    now: () => size,
    halve() {
      if (size === 1) return false;
      size = Math.ceil(size / 2);
      return true;
    },
    grow() {
      size = Math.min(most, size + Math.ceil(size / 10));
    },
  };
}
