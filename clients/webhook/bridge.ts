import type { Client } from '../sdk/client.ts';
import { delayAfter, sleep } from '../sdk/backoff.ts';
import type { CursorFile } from './cursor-file.ts';
import { bury } from './dead-letters.ts';
import { deviceEvents } from './documents.ts';
import { type DeviceEvent, eventTypes, isDeviceEvent, payloadOf, topicOf } from './payload.ts';
import { post, type Receiver } from './post.ts';
import { createWindow } from './window.ts';

export interface BridgeOptions {
  readonly mdm: Client;
  readonly receiver: Receiver;
  readonly cursors: CursorFile;
  /** Where webhooks go that are given up. */
  readonly deadLetterFile: string;
  /** Where to begin when no cursor is stored: a cursor, `EARLIEST`, or null for now. */
  readonly from: string | null;
  /** Topics to post, such as `mdm.Connect`; null: all. */
  readonly topics: ReadonlySet<string> | null;
  /** Milliseconds after which a webhook is given up that no receiver was there for. */
  readonly giveUpAfter: number;
  /** How often one is tried in all that it answers with an error. */
  readonly tries: number;
  readonly retry: { readonly minDelay: number; readonly maxDelay: number };
  readonly log: (line: Readonly<Record<string, unknown>>) => void;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

const limits = { items: 10_000, bytes: 64 * 1024 * 1024 };

/**
 * Posts what devices do as webhooks, each at least once, those of one enrolment in order, until the
 * signal. Up to where the stored cursor points everything was taken by the receiver or lies among the
 * dead letters: killed at any moment, the next start goes on from there, and may repeat some.
 * @throws {CursorError} the stored cursor cannot be followed any longer: something was missed
 * @throws {UnauthorizedError} {OperationError} the token is not good, or may not see events
 */
export async function runBridge(options: BridgeOptions): Promise<void> {
  const { mdm, cursors, log, topics, signal } = options;
  const stored = cursors.read();
  // Where nothing is stored, what happens from now on is missed by nobody, even if the first event is long in coming.
  const after = stored ?? options.from ?? (await mdm.eventCursor());
  if (stored === null && after !== 'EARLIEST') cursors.write(after);
  log({ message: 'following', after, url: options.receiver.url.origin });
  const progress = storeInTurn(cursors);
  const window = createWindow(limits, progress.reached);
  const filter = { types: [...eventTypes] };
  const items = mdm.follow(deviceEvents, { filter, after }, { checkpoints: true, signal });
  for await (const item of items) {
    const body = isDeviceEvent(item) && isWanted(item, topics) ? payloadOf(item) : null;
    const key = item.__typename === 'Checkpoint' ? null : item.enrollmentId;
    const { cursor } = item;
    await window.add({ cursor, key, bytes: body?.length ?? 0 }, async () =>
      body === null ? true : deliver(options, body),
    );
  }
  await window.idle();
  progress.store();
}

function isWanted(event: DeviceEvent, topics: ReadonlySet<string> | null): boolean {
  return topics === null || topics.has(topicOf(event));
}

/** Milliseconds between two writes of the cursor: each waits for the disk. */
const storeEvery = 250;

/** Stores the newest cursor every so often. */
function storeInTurn(cursors: CursorFile) {
  let newest: string | null = null;
  let timer: NodeJS.Timeout | null = null;
  const store = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (newest !== null) cursors.write(newest);
    newest = null;
  };
  return {
    store,
    reached(cursor: string) {
      newest = cursor;
      timer ??= setTimeout(store, storeEvery);
    },
  };
}

/**
 * Posts until it is taken or given up. When the program ends, a try that is under way is not broken off.
 * @returns false when the program ends before: the next one posts it again
 */
async function deliver(options: BridgeOptions, body: string): Promise<boolean> {
  const { receiver, retry, signal, log, now } = options;
  const began = now();
  let refused = 0;
  for (let tries = 1; ; tries += 1) {
    if (signal.aborted) return false;
    const outcome = await post(receiver, body);
    if (outcome.kind === 'taken') return true;
    if (signal.aborted) return false;
    if (outcome.kind === 'refused') refused += 1;
    const { why } = outcome;
    if (refused >= options.tries || now() - began >= options.giveUpAfter) {
      const at = new Date(now()).toISOString();
      bury(options.deadLetterFile, { at, why, tries, body });
      log({ message: 'given up', why, tries, deadLetterFile: options.deadLetterFile });
      return true;
    }
    const delay = delayAfter(tries, { ...retry, attempts: Number.POSITIVE_INFINITY });
    if (tries === 1 || tries % 10 === 0) log({ message: 'not taken', why, tries, retryIn: delay });
    await sleep(delay, signal);
  }
}
