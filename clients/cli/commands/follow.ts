import type { CommandResultsSubscription } from '../../sdk/generated/operations.ts';
import type { Call } from '../command.ts';
import { exit } from '../exit.ts';
import { isFailure, isFinal, outcomeShape } from './results.ts';

/** What is followed. */
export interface Followed {
  readonly commandUuid: string;
  /** The position that it is followed from. */
  readonly cursor: string;
  /** How many targets it has. */
  readonly total: number;
  /** How many of them had answered up to there. @default 0 */
  readonly before?: number;
}

/**
 * Shows what becomes of a command, until nothing more is to come.
 * @param items  with checkpoints
 * @returns the status to exit with
 */
export async function showOutcomes(
  { io, out }: Pick<Call, 'io' | 'out'>,
  { commandUuid, cursor, total, before = 0 }: Followed,
  items: AsyncIterable<CommandResultsSubscription['commandResults']>,
): Promise<number> {
  const show = out.stream(outcomeShape);
  const done = new Set<string | null>();
  const failed = new Set<string | null>();
  let last = cursor;
  const bar = () => {
    const note = failed.size > 0 ? `answered, ${failed.size} failed` : 'answered';
    return out.progress.show(before + done.size, total, note);
  };

  await bar();
  for await (const item of items) {
    last = item.cursor;
    if (item.__typename === 'Checkpoint') continue;
    if (isFinal(item)) done.add(item.enrollmentId);
    if (isFailure(item)) failed.add(item.enrollmentId);
    await show(item);
    await bar();
  }
  await out.progress.clear();
  if (io.interrupted.aborted) {
    const words = `commands watch ${commandUuid} --after ${last} --done ${before + done.size}`;
    await out.note(`Stopped. Go on with: graphmdm ${words}`);
    return exit.interrupted;
  }
  return failed.size > 0 ? exit.partly : exit.ok;
}
