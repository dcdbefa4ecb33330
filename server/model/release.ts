import { MessageChannel } from 'node:worker_threads';

/** Less than this is not worth the call. */
const least = 16 * 1024;

// What is moved into a closed channel is gone.
const { port1: nowhere, port2: end } = new MessageChannel();
end.close();
nowhere.close();

/**
 * Gives the memory of a long buffer back at once; the buffer is empty from then on, for everybody.
 *
 * Left to the garbage collector, it is given back when V8 finds that a lot of memory hangs on small
 * objects, and then each time the whole heap is marked: for messages of half a megabyte that took ten
 * times as long as all that was done with them.
 *
 * Only for bytes that nobody reads any more, the system included: what is being written to a socket is
 * read until it is written. What shares its memory with other buffers is left as it is.
 */
export function release(bytes: Uint8Array): void {
  const { buffer, byteLength } = bytes;
  if (byteLength < least || !(buffer instanceof ArrayBuffer) || buffer.byteLength !== byteLength) {
    return;
  }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has no origin
  nowhere.postMessage(null, [buffer]);
}
