import type { PushOutcome } from './outcome.ts';
import type { PushRequest } from './push-request.ts';

/** A push that waits for a stream. */
export interface WaitingPush {
  readonly request: PushRequest;
  readonly settle: (outcome: PushOutcome) => void;
  /** How often it came back unlooked at. */
  returns: number;
}

/** Pushes in the order in which they came; what comes back goes first. */
export interface Waiting {
  add(push: WaitingPush): void;
  putBack(push: WaitingPush): void;
  take(): WaitingPush | undefined;
  size(): number;
  settleAll(outcome: (request: PushRequest) => PushOutcome): void;
}

export function createWaiting(): Waiting {
  let queue: WaitingPush[] = [];
  let head = 0;
  let returned: WaitingPush[] = [];
  return {
    add: (push) => void queue.push(push),
    putBack: (push) => void returned.push(push),
    take() {
      const back = returned.shift();
      if (back !== undefined) return back;
      const next = queue[head];
      if (next === undefined) return undefined;
      head += 1;
      // Array.shift would move the whole rest each time.
      if (head > 1024 || head === queue.length) {
        queue = queue.slice(head);
        head = 0;
      }
      return next;
    },
    size: () => returned.length + queue.length - head,
    settleAll(outcome) {
      const all = [...returned, ...queue.slice(head)];
      returned = [];
      queue = [];
      head = 0;
      for (const { request, settle } of all) settle(outcome(request));
    },
  };
}
