import type { TargetState } from '../../model/targets.ts';

/** The state as SQL, of rows that the queue and history lend each other. */
export const queueState = `case when q.not_now_at is null then 'PENDING' else 'NOT_NOW' end`;
export const historyState = `case when r.ended <> 'ANSWERED' then r.ended
  when r.status = 'Acknowledged' then 'ACKNOWLEDGED' else 'ERROR' end`;

/** Entries `q` of the queue in a state, as a condition; null when no entry is ever in it. */
export function queueIn(state: TargetState): string | null {
  if (state === 'PENDING') return 'q.not_now_at is null';
  return state === 'NOT_NOW' ? 'q.not_now_at is not null' : null;
}

/**
 * Rows `r` of history in a state, as a condition; null when no row is ever in it. The texts are written
 * out rather than passed, because the partial index is used only where its condition is seen to hold.
 */
export function historyIn(state: TargetState): string | null {
  if (state === 'PENDING' || state === 'NOT_NOW' || state === 'REFUSED') return null;
  if (state === 'ACKNOWLEDGED') return `(r.ended = 'ANSWERED' and r.status = 'Acknowledged')`;
  if (state === 'ERROR') return `(r.ended = 'ANSWERED' and r.status <> 'Acknowledged')`;
  return `r.ended = '${state}'`;
}
