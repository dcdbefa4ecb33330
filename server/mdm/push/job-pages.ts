import type { ClaimedPage } from '../../store/push/claim-page.ts';
import type { PushOutcomeRow } from '../../store/push/outcomes.ts';
import { isFailure } from './outcome.ts';

/** How far a job's pages are done. */
export interface PagesDone {
  readonly cursor: { readonly after: string };
  readonly done: number;
  readonly failed: number;
}

/** A job's pages that are under way. */
export interface JobPages {
  add(page: ClaimedPage): void;
  settle(rows: readonly PushOutcomeRow[]): void;
  /** The pages that were finished since this was last asked, in order from the first; null: none. */
  take(): PagesDone | null;
}

interface Page {
  readonly last: string;
  readonly looked: number;
  open: number;
  failed: number;
}

/**
 * Tells how far a job is done while several of its pages are under way. A page counts when all of it has
 * an outcome and so have all pages before: whoever takes the job over from there leaves nobody out and
 * counts nobody twice, because who was claimed since its start is skipped.
 */
export function createJobPages(): JobPages {
  const pages: Page[] = [];
  const pageOf = new Map<string, Page>();
  return {
    add({ claimed, looked, last }) {
      const page = { last, looked, open: claimed.length, failed: 0 };
      pages.push(page);
      for (const { enrollmentKey } of claimed) pageOf.set(enrollmentKey, page);
    },
    settle(rows) {
      for (const row of rows) {
        const page = pageOf.get(row.push.enrollmentKey);
        if (page === undefined) continue;
        pageOf.delete(row.push.enrollmentKey);
        page.open -= 1;
        if (isFailure(row)) page.failed += 1;
      }
    },
    take() {
      const end = pages.findIndex(({ open }) => open > 0);
      const finished = pages.splice(0, end === -1 ? pages.length : end);
      const last = finished.at(-1);
      if (last === undefined) return null;
      const failed = finished.reduce((sum, page) => sum + page.failed, 0);
      const looked = finished.reduce((sum, page) => sum + page.looked, 0);
      return { cursor: { after: last.last }, done: looked - failed, failed };
    },
  };
}
