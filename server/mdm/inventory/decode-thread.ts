import { parentPort } from 'node:worker_threads';
import { release } from '../../model/release.ts';
import { decodeAnswer } from './decode.ts';

/** What the thread is asked, one at a time; it answers with a `Decoded`. */
export interface DecodeRequest {
  readonly bytes: Uint8Array;
  readonly requestType: string;
}

parentPort?.on('message', ({ bytes, requestType }: DecodeRequest) => {
  const decoded = decodeAnswer(bytes, requestType);
  release(bytes);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
  parentPort?.postMessage(decoded);
});

// Until now nothing was asked: what fails before is the program's fault, not an answer's.
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
parentPort?.postMessage('ready');
