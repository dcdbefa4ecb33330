import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../../model/clock.ts';
import type { Log } from '../../model/log.ts';
import { isBinaryPlist } from '../../protocol/plist/binary.ts';
import { type Decoded, decodeAnswer } from './decode.ts';
import type { DecodeRequest } from './decode-thread.ts';

/** Bytes of an answer that are looked at, at most. */
export const longestAnswer = 8 * 1024 * 1024;

/**
 * An answer of so many bytes at most is decoded where it is: that takes no longer than the way to a thread and
 * back. Most are as short. In XML alone, as nothing that short stands for more than is written there.
 */
const short = 4 * 1024;
/** Short ones between two turns of the event loop: well under a millisecond of work. */
const shortPerTurn = 8;

export interface DecoderOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** What an answer may take, in milliseconds. @default 5000 */
  readonly timeoutMs?: number;
  /** What the thread's heap may take, in megabytes. @default 192 */
  readonly heapMb?: number;
}

/** Decodes answers apart from the event loop that serves devices, but for short ones. */
export interface Decoder {
  /**
   * Takes as long as it takes, one after the other. What fails is a problem. The bytes are given away: whoever
   * had them may not be able to read them afterwards.
   * @throws {Error} nothing is known about the answer: the decoder has stopped, or gets no thread
   */
  decode(request: DecodeRequest): Promise<Decoded>;
  /** Breaks off what is being decoded; it throws, as everything does that comes later. */
  stop(): Promise<void>;
}

/** How long a thread without work is kept, in milliseconds. */
const idleMs = 60_000;

/**
 * A thread that decodes, made when there is something to do. An answer that takes too long or too much
 * memory ends the thread, never the server; the next answer gets a new one.
 */
export function createDecoder(options: DecoderOptions): Decoder {
  const { clock, log, timeoutMs = 5_000, heapMb = 192 } = options;
  let thread: Worker | null = null;
  let endIdle: (() => void) | null = null;
  let last: Promise<unknown> = Promise.resolve();
  let stopped = false;
  let shortOnes = 0;

  function throwIfStopped(): void {
    if (stopped) throw new Error('the decoder has stopped');
  }

  async function decodeHere({ bytes, requestType }: DecodeRequest): Promise<Decoded> {
    shortOnes += 1;
    if (shortOnes % shortPerTurn === 0) await eventLoopTurn();
    throwIfStopped();
    return decodeAnswer(bytes, requestType);
  }

  async function close(): Promise<void> {
    const worker = thread;
    thread = null;
    await worker?.terminate();
  }

  async function decodeOne(request: DecodeRequest): Promise<Decoded> {
    throwIfStopped();
    if (isShort(request.bytes)) return decodeHere(request);
    if (request.bytes.byteLength > longestAnswer) return { problem: 'The answer is too long.' };
    endIdle?.();
    thread ??= await openThread(heapMb);
    const worker = thread;
    if (stopped) await close();
    throwIfStopped();
    const outcome = await answerOf(worker, request);
    if ('ended' in outcome) {
      // That is no fault of the answer's.
      throwIfStopped();
      log.warn({ requestType: request.requestType, reason: outcome.ended }, 'decoding was ended');
      if (thread === worker) await close();
    }
    endIdle = clock.setTimer(idleMs, () => void close());
    return 'ended' in outcome ? { problem: outcome.ended } : outcome;
  }

  /** @returns `ended` when the thread is of no more use */
  function answerOf(
    worker: Worker,
    request: DecodeRequest,
  ): Promise<Decoded | { readonly ended: string }> {
    return new Promise((resolve) => {
      const settle = (outcome: Decoded | { readonly ended: string }): void => {
        cancel();
        worker.off('message', settle);
        worker.off('error', crashed);
        worker.off('exit', exited);
        resolve(outcome);
      };
      const crashed = (error: Error & { code?: string }): void =>
        settle({ ended: `Decoding failed (${error.code ?? error.name}).` });
      const exited = (): void => settle({ ended: 'Decoding was broken off.' });
      const cancel = clock.setTimer(timeoutMs, () =>
        settle({ ended: `Decoding took longer than ${timeoutMs / 1_000} s.` }),
      );
      worker.on('message', settle);
      worker.on('error', crashed);
      worker.on('exit', exited);
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
      worker.postMessage(request, movable(request.bytes));
    });
  }

  return {
    decode(request) {
      const mine = last.then(() => decodeOne(request));
      last = mine.catch(() => {});
      return mine;
    },
    async stop() {
      stopped = true;
      endIdle?.();
      await close();
    },
  };
}

function isShort({ buffer, byteOffset, byteLength }: Uint8Array): boolean {
  return byteLength <= short && !isBinaryPlist(Buffer.from(buffer, byteOffset, byteLength));
}

/** Memory that holds nothing else goes to the thread as it is; a part of Node's own pool is copied. */
function movable({ buffer, byteLength }: Uint8Array): ArrayBuffer[] {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}

/** @throws the thread does not start: no answer's fault */
async function openThread(heapMb: number): Promise<Worker> {
  const file = new URL(`./decode-thread.${fromSources ? 'ts' : 'js'}`, import.meta.url);
  const resourceLimits = { maxOldGenerationSizeMb: heapMb, stackSizeMb: 4 };
  const worker = fromSources
    ? new Worker(compiling(file), { eval: true, resourceLimits })
    : new Worker(file, { resourceLimits, env: {} });
  worker.unref();
  await new Promise<void>((resolve, reject) => {
    const exited = (): void => reject(new Error('the decoding thread ended as it started'));
    worker.once('error', reject);
    worker.once('exit', exited);
    worker.once('message', () => {
      worker.off('error', reject);
      worker.off('exit', exited);
      resolve();
    });
  });
  // Told to whoever waits for an answer; without any listener it would end the process.
  worker.on('error', () => {});
  return worker;
}

const fromSources = import.meta.url.endsWith('.ts');

/** From sources (tests, `npm run dev`) a thread compiles for itself. */
function compiling(file: URL): string {
  return `import('tsx/esm/api').then(({ register }) => {
    register();
    return import(${JSON.stringify(file.href)});
  });`;
}
