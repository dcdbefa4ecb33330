/** What is asked one by one and answered together. */
export interface BatchOptions<Item, Answer> {
  /** One statement for several; answers in the order of the items. */
  readonly together: (items: readonly Item[]) => Promise<readonly Answer[]>;
  /** The same for one. */
  readonly alone: (item: Item) => Promise<Answer>;
  /** Items with the same key are answered one after the other, in the order in which they came. */
  readonly keyOf: (item: Item) => string;
  /** An item that is never put together with others. @default none */
  readonly isLarge?: (item: Item) => boolean;
  /** Whether an error is no item's fault (the database is away), so that nothing is gained by trying each alone. */
  readonly isShared: (error: unknown) => boolean;
  /** Statements under way at most. @default 4 */
  readonly lanes?: number;
  /** So many that wait make a further statement worth while. @default 16 */
  readonly enough?: number;
  /** Items in one statement at most. @default 64 */
  readonly most?: number;
  /** Milliseconds after which what waits goes beside a statement that is under way. @default 5 */
  readonly patience?: number;
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly key: string;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Puts what arrives together into one statement, without ever waiting for company: what one turn of the
 * event loop brings goes out at its end, and while a statement is under way the next batch gathers by
 * itself. So a lone message costs what it always did, and k at once share one round trip, one snapshot,
 * one commit.
 *
 * A batch that fails is one statement that has changed nothing: each of its items is then tried alone,
 * so that one bad row does not fail its neighbours. Nothing is answered before its statement has
 * committed.
 * @returns asks for one item
 */
export function naturalBatch<Item, Answer>(
  options: BatchOptions<Item, Answer>,
): (item: Item) => Promise<Answer> {
  const { lanes = 4, enough = 16, most = 64, patience = 5, isLarge = () => false } = options;
  let waiting: Waiting<Item, Answer>[] = [];
  /** Keys under way. */
  const busy = new Set<string>();
  let running = 0;
  let isScheduled = false;
  let timer: NodeJS.Timeout | null = null;

  function schedule(): void {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      start(enough);
    });
  }

  /** @param worth so many that wait are worth a statement beside those under way */
  function start(worth: number): void {
    while (waiting.length > 0 && running < lanes && (running === 0 || waiting.length >= worth)) {
      const batch = takeBatch();
      if (batch.length === 0) return;
      void run(batch);
    }
    if (waiting.length === 0 || running >= lanes) return;
    timer ??= setTimeout(onPatienceEnded, patience).unref();
  }

  /** What is under way may itself be waiting, for a lock that others need not wait for. */
  function onPatienceEnded(): void {
    timer = null;
    start(1);
  }

  /** The first that may go now, in their order. */
  function takeBatch(): readonly Waiting<Item, Answer>[] {
    const batch: Waiting<Item, Answer>[] = [];
    const left: Waiting<Item, Answer>[] = [];
    // Who comes after one that stays keeps behind it.
    const passed = new Set<string>();
    let isFull = false;
    for (const each of waiting) {
      const { item, key } = each;
      const large = isLarge(item);
      if (isFull || busy.has(key) || passed.has(key) || (large && batch.length > 0)) {
        passed.add(key);
        left.push(each);
        continue;
      }
      busy.add(key);
      batch.push(each);
      isFull = large || batch.length === most;
    }
    waiting = left;
    return batch;
  }

  async function run(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    running += 1;
    const [first] = batch;
    if (first !== undefined && batch.length === 1) await alone(first);
    else await together(batch);
    for (const { key } of batch) busy.delete(key);
    running -= 1;
    start(enough);
  }

  async function alone({ item, resolve, reject }: Waiting<Item, Answer>): Promise<void> {
    await options.alone(item).then(resolve, reject);
  }

  async function together(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    let answers: readonly Answer[];
    try {
      answers = await options.together(batch.map(({ item }) => item));
    } catch (error) {
      if (!options.isShared(error)) await Promise.all(batch.map(alone));
      else for (const { reject } of batch) reject(error);
      return;
    }
    for (const [at, answer] of answers.entries()) batch[at]?.resolve(answer);
  }

  return (item) =>
    new Promise<Answer>((resolve, reject) => {
      waiting.push({ item, key: options.keyOf(item), resolve, reject });
      if (waiting.length >= enough) start(enough);
      else schedule();
    });
}
