import type { Channels, EnrollmentFilter, TagFilter } from '../../model/targets.ts';
import { enrolledAtOf, hourOf } from './enrollment-columns.ts';
import type { Param } from './enrollment-filter-device.ts';
import { pushStateOf } from './push-state.ts';

interface Scope {
  readonly channels: Channels;
  readonly idsBetween?: (column: string) => string;
  readonly seenHour?: string;
}

/** The members of a filter about times, tags, queue and pushes. */
export function relatedConditions(filter: EnrollmentFilter, scope: Scope, param: Param): string[] {
  const { lastSeenBefore, lastSeenAfter, enrolledBefore, enrolledAfter } = filter;
  const conditions: string[] = [];
  if (filter.tags) conditions.push(...tagConditions(filter.tags, scope, param));
  if (lastSeenBefore !== undefined) {
    conditions.push(seen((hour) => `${hour} < ${hourParam(lastSeenBefore, param)}`, scope));
  }
  if (lastSeenAfter !== undefined) {
    conditions.push(seen((hour) => `${hour} >= ${hourParam(lastSeenAfter, param)}`, scope));
  }
  if (enrolledBefore !== undefined) {
    const end = param(enrolledBefore, 'timestamptz');
    conditions.push(`${enrolledAtOf('e')} < ${end} and ${enrolledAtOf('e')} > to_timestamp(0)`);
  }
  if (enrolledAfter !== undefined) {
    conditions.push(`${enrolledAtOf('e')} >= ${param(enrolledAfter, 'timestamptz')}
      and ${enrolledAtOf('e')} > to_timestamp(0)`);
  }
  if (filter.pendingCommands) {
    conditions.push(`exists (select 1 from queue_entry q join command c on c.key = q.command_key
      where q.enrollment_key = e.key
        and c.request_type = any(${param(filter.pendingCommands, 'text[]')}))`);
  }
  if (filter.pushStates) {
    const wanted = param(filter.pushStates, 'text[]');
    conditions.push(`coalesce((select ${pushStateOf('s', 'e')} from push_state s
      where s.enrollment_key = e.key), 'UNKNOWN') = any(${wanted})`);
  }
  return conditions;
}

function hourParam(time: string, param: Param): string {
  return param(hourOf(new Date(time)), 'int');
}

function seen(condition: (hour: string) => string, { seenHour }: Scope): string {
  if (seenHour !== undefined) return condition(`${seenHour}.hour`);
  return `exists (select 1 from enrollment_seen_hour s
    where s.enrollment_key = e.key and ${condition('s.hour')})`;
}

/**
 * One tag that has to be there is a look-up by the whole key of `enrollment_tag`, which PostgreSQL can
 * turn into a join that begins with the tag's list: from the page's bounds on, when they are ids.
 */
function tagConditions(tags: TagFilter, { channels, idsBetween }: Scope, param: Param): string[] {
  const between = idsBetween?.('t.enrollment_id') ?? '';
  const has = (test: string) => {
    const own = `exists (select 1 from enrollment_tag t where ${test}
      and t.tenant_id = e.tenant_id and t.enrollment_id = e.id ${between})`;
    if (channels === 'DEVICE') return own;
    return `(${own} or exists (select 1 from enrollment_tag t where ${test}
      and t.enrollment_key = e.device_key))`;
  };
  const hasAny = (list: readonly string[]) =>
    list.length === 1
      ? has(`t.tag = ${param(list[0], 'text')}`)
      : has(`t.tag = any(${param(list, 'text[]')})`);
  return [
    ...(tags.any ? [hasAny(tags.any)] : []),
    ...(tags.all ?? []).map((tag) => hasAny([tag])),
    ...(tags.none ? [`not (${hasAny(tags.none)})`] : []),
  ];
}
