import type { EventType, NumberedEvent } from '../../model/events.ts';
import {
  changeCounts,
  type CountChange,
  type CountedColumn,
} from '../../store/projection/command-counts.ts';
import type { EndReason } from '../../store/queue/leave.ts';
import type { Projection } from '../projection/projection.ts';
import { commandCounts } from '../../store/read/command-progress.ts';

const endings = {
  CANCELLED: 'cancelled',
  CLEARED: 'cleared',
  EXPIRED: 'expired',
  UNENROLLED: 'unenrolled',
  RE_ENROLLED: 're_enrolled',
  MOVED: 'moved',
} as const satisfies Readonly<Record<EndReason, CountedColumn>>;

/** The events that change how many targets of a command stand how. */
export const progressTypes: readonly EventType[] = [
  'CommandAnswered',
  'CommandNotNow',
  'CommandEnded',
];

/**
 * Counts how commands get on, a page of events at a time: devices that finish at the same moment never
 * meet on one row.
 */
export const countTargets: Projection = {
  name: commandCounts,
  types: progressTypes,
  lanesBy: 'command',
  derive: async (events) => {
    const changes = changesOf(events);
    return async (client) => {
      if (changes.length > 0) await changeCounts(client, changes);
      return 0;
    };
  },
};

function changesOf(events: readonly NumberedEvent[]): readonly CountChange[] {
  const changes = new Map<bigint, { tenantId: number; by: Map<CountedColumn, number> }>();
  for (const event of events) {
    const { commandKey, tenantId } = event;
    if (commandKey === null) continue;
    const change = changes.get(commandKey) ?? { tenantId, by: new Map<CountedColumn, number>() };
    changes.set(commandKey, change);
    for (const [column, by] of stepsOf(event)) {
      change.by.set(column, (change.by.get(column) ?? 0) + by);
    }
  }
  return [...changes].map(([commandKey, change]) => ({ commandKey, ...change }));
}

function stepsOf({ type, data }: NumberedEvent): readonly (readonly [CountedColumn, number])[] {
  const { notNowTally } = data;
  // Only the first time that a device puts it off changes how it stands.
  if (type === 'CommandNotNow') return notNowTally === 1 ? [['not_now', 1]] : [];
  // A late answer joins an ending that was counted.
  if (data['late'] === true) return [];
  const wasPutOff = typeof notNowTally === 'number' && notNowTally > 0;
  const before = wasPutOff ? ([['not_now', -1]] as const) : [];
  if (type === 'CommandAnswered') {
    return [...before, [data['status'] === 'Acknowledged' ? 'acknowledged' : 'error', 1]];
  }
  const { reason } = data;
  return isEnding(reason) ? [...before, [endings[reason], 1]] : before;
}

function isEnding(reason: unknown): reason is EndReason {
  return typeof reason === 'string' && Object.hasOwn(endings, reason);
}
