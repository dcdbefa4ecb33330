import type { TypedDocument } from './document.ts';
import { abortable } from './live/abortable.ts';
import type { Live, StreamOptions } from './live/live.ts';

/** What live iterators take beside what they follow. */
export interface FollowOptions<Checkpoints extends boolean = boolean> extends StreamOptions {
  /**
   * Yields checkpoints too: positions without an event, for who stores the cursor of a quiet stream.
   * @default false
   */
  readonly checkpoints?: Checkpoints | undefined;
}

/** What a subscription yields, with its checkpoints if they were asked for. */
export type Followed<Data, Checkpoints extends boolean> = true extends Checkpoints
  ? Data[keyof Data]
  : Exclude<Data[keyof Data], { readonly __typename: 'Checkpoint' }>;

/** Iterates over a subscription's one field. */
export type LiveIterator<Data, Checkpoints extends boolean> = AsyncIterableIterator<
  Followed<Data, Checkpoints>,
  void,
  undefined
>;

/**
 * Follows a subscription.
 * @param isLast  told each item; the iterator ends behind the one it says so of
 */
export function follow<Data extends object, Variables extends object, Checkpoints extends boolean>(
  live: Live,
  document: TypedDocument<Data, Variables>,
  variables: Variables,
  options: FollowOptions<Checkpoints>,
  isLast: (item: Data[keyof Data]) => boolean = () => false,
): LiveIterator<Data, Checkpoints> {
  const { signal, checkpoints = false } = options;
  async function* items(ended: AbortSignal) {
    for await (const data of live.stream(document, variables, { signal: ended })) {
      // An operation has one field here, and each item is its value.
      for (const item of Object.values(data) as Data[keyof Data][]) {
        if (checkpoints || !isCheckpoint(item)) yield item as Followed<Data, Checkpoints>;
        if (isLast(item)) return;
      }
    }
  }
  return abortable(items, [signal]);
}

function isCheckpoint(item: unknown): boolean {
  return Object(item)['__typename'] === 'Checkpoint';
}
