import { renameSync, rmSync } from 'node:fs';
import { bury, deadLetters } from './dead-letters.ts';
import { post, type Receiver } from './post.ts';

/**
 * Posts dead letters once more, in their order. Those that are not taken this time either are kept.
 * @returns how many were taken, and how many are left
 */
export async function replay(
  path: string,
  receiver: Receiver,
): Promise<{ readonly taken: number; readonly left: number }> {
  const bodies = deadLetters(path);
  const left: { readonly body: string; readonly why: string }[] = [];
  for (const body of bodies) {
    const outcome = await post(receiver, body);
    if (outcome.kind !== 'taken') left.push({ body, why: outcome.why });
  }
  const beside = `${path}.new`;
  rmSync(beside, { force: true });
  for (const one of left) bury(beside, { at: new Date().toISOString(), tries: 1, ...one });
  if (left.length === 0) rmSync(path);
  else renameSync(beside, path);
  return { taken: bodies.length - left.length, left: left.length };
}
