import type { EventFilter, NumberedEvent } from '../model/events.ts';
import type { TenantId } from '../model/viewer.ts';

/** Whose events, and which of them. */
export interface Interest {
  /** Null: every tenant's. */
  readonly tenant: TenantId | null;
  readonly filter: EventFilter;
}

/** Whether all that the interest asks for holds for the event. */
export function isWanted({ tenant, filter }: Interest, event: NumberedEvent): boolean {
  const { types, enrollmentIds, commandUuids, jobIds } = filter;
  if (tenant !== null && tenant !== event.tenantId) return false;
  if (types && !types.has(event.type)) return false;
  if (enrollmentIds && !has(enrollmentIds, event.enrollmentId)) return false;
  if (jobIds && !has(jobIds, event.jobId)) return false;
  return !commandUuids || has(commandUuids, event.commandUuid);
}

function has(set: ReadonlySet<string>, value: string | null): boolean {
  return value !== null && set.has(value);
}

/** Finds who may want an event without asking everybody. */
export interface InterestIndex<T extends Interest> {
  add(member: T): void;
  remove(member: T): void;
  /** Sets of members, no member in two of them. Each has still to be asked by `isWanted`. */
  candidates(event: NumberedEvent): Iterable<ReadonlySet<T>>;
}

/**
 * Members by tenant and by the narrowest thing that their filter names: enrolments, else commands, else jobs,
 * else types, else nothing. An event costs a few look-ups, however many members there are.
 */
export function createInterestIndex<T extends Interest>(): InterestIndex<T> {
  const members = new Map<string, Set<T>>();

  function keysOf({ tenant, filter }: T): string[] {
    const { enrollmentIds, commandUuids, jobIds, types } = filter;
    if (enrollmentIds) return [...enrollmentIds].map((id) => key(tenant, 'enrollment', id));
    if (commandUuids) return [...commandUuids].map((uuid) => key(tenant, 'command', uuid));
    if (jobIds) return [...jobIds].map((id) => key(tenant, 'job', id));
    if (types) return [...types].map((type) => key(tenant, 'type', type));
    return [key(tenant, 'all', '')];
  }

  return {
    add(member) {
      for (const key of keysOf(member)) {
        const set = members.get(key);
        if (set) set.add(member);
        else members.set(key, new Set([member]));
      }
    },
    remove(member) {
      for (const key of keysOf(member)) {
        const set = members.get(key);
        set?.delete(member);
        if (set?.size === 0) members.delete(key);
      }
    },
    *candidates(event) {
      for (const tenant of [event.tenantId, null]) {
        for (const [what, value] of [
          ['enrollment', event.enrollmentId],
          ['command', event.commandUuid],
          ['job', event.jobId],
          ['type', event.type],
          ['all', ''],
        ] as const) {
          const set = value === null ? undefined : members.get(key(tenant, what, value));
          if (set) yield set;
        }
      }
    },
  };
}

function key(tenant: TenantId | null, what: string, value: string): string {
  return `${tenant ?? '*'} ${what} ${value}`;
}
