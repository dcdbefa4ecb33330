import type { Clock } from '../../model/clock.ts';
import type { Log } from '../../model/log.ts';
import type { SentCommand } from '../../store/queue/sent.ts';
import { createWriteBehind } from '../write-behind.ts';

/** When commands were first handed to devices. A device's poll must cost no write, so it is written later. */
export interface FirstSent {
  /** Notes that a command is handed over. The first time counts. Never waits, never fails. */
  handed(enrollmentId: string, commandUuid: string, at: Date): void;
  /** When it was handed over, if that is noted here and not written yet; else null. */
  noted(enrollmentId: string, commandUuid: string): Date | null;
  /** Takes the note back: the device's report has written it. */
  written(enrollmentId: string, commandUuid: string): void;
  flush(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * A device that answers within seconds takes its note along with its report, to the same process, so
 * mostly there is nothing left to write.
 */
export function createFirstSent(options: {
  readonly clock: Clock;
  readonly log: Log;
  /** Writes many at once. */
  readonly flush: (sent: readonly SentCommand[]) => Promise<void>;
}): FirstSent {
  const times = createWriteBehind({
    ...options,
    what: 'times of first delivery',
    keep: 'first',
    flush: (noted) => options.flush([...noted].map(([key, at]) => ({ ...namesIn(key), at }))),
  });
  return {
    handed: (enrollmentId, commandUuid, at) => times.note(keyOf(enrollmentId, commandUuid), at),
    noted: (enrollmentId, commandUuid) => times.noted(keyOf(enrollmentId, commandUuid)) ?? null,
    written: (enrollmentId, commandUuid) => times.forget(keyOf(enrollmentId, commandUuid)),
    flush: times.flush,
    stop: times.stop,
  };
}

// Neither name holds a NUL: PostgreSQL has none in texts.
function keyOf(enrollmentId: string, commandUuid: string): string {
  return `${enrollmentId}\0${commandUuid}`;
}

function namesIn(key: string): { readonly enrollmentId: string; readonly commandUuid: string } {
  const [enrollmentId = '', commandUuid = ''] = key.split('\0');
  return { enrollmentId, commandUuid };
}
