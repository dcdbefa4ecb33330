import type { WakeUpListener, WakeUps } from './wake-ups.ts';

/** Wake-ups within this process. Other processes see events at their next look, within a second. */
export function localWakeUps(): WakeUps {
  const listeners = new Set<WakeUpListener>();
  return {
    publish(lastSeq) {
      for (const listener of listeners) listener(lastSeq);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      listeners.clear();
    },
  };
}
