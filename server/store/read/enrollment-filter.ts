import type { Channels, EnrollmentFilter, TagFilter } from '../../model/targets.ts';
import type { TenantId } from '../../model/viewer.ts';

/** Whose enrolments, and which of their channels. */
export interface EnrollmentScope {
  readonly tenant: TenantId | null;
  readonly channels: Channels;
}

/** A condition over `enrollment e`, and what its placeholders stand for. */
export interface SqlCondition {
  readonly sql: string;
  readonly values: unknown[];
}

/**
 * Compiles a filter to a condition over `enrollment e`: the viewer's tenant and the wanted channels
 * are always part of it, so that no list can forget them.
 *
 * Members are about the enrolment itself, except serial numbers, which only device channels have: a
 * user channel is found by its device's.
 * @param firstParam  number of the first placeholder it may use (`$1` is 1)
 */
export function compileEnrollmentFilter(
  filter: EnrollmentFilter,
  scope: EnrollmentScope,
  firstParam: number,
): SqlCondition {
  const values: unknown[] = [];
  const param = (value: unknown, type: string): string => {
    values.push(value);
    return `$${firstParam + values.length - 1}::${type}`;
  };
  const conditions: string[] = [];
  if (scope.tenant !== null) conditions.push(`e.tenant_id = ${param(scope.tenant, 'int')}`);
  if (scope.channels === 'DEVICE') conditions.push('e.device_key is null');
  if (scope.channels === 'USER') conditions.push('e.device_key is not null');
  conditions.push(...membersOf(filter, scope.channels, param));
  return { sql: allOf(conditions), values };
}

type Param = (value: unknown, type: string) => string;

function membersOf(filter: EnrollmentFilter, channels: Channels, param: Param): string[] {
  const nested = (inner: EnrollmentFilter) => allOf(membersOf(inner, channels, param));
  const conditions: string[] = [];
  if (filter.and) conditions.push(...filter.and.map(nested));
  if (filter.or) conditions.push(anyOf(filter.or.map(nested)));
  // A condition over an unknown value is null, and so is its opposite: "not" has to mean "all others".
  if (filter.not) conditions.push(`(${nested(filter.not)}) is not true`);
  if (filter.ids) conditions.push(`e.id = any(${param(filter.ids, 'text[]')})`);
  if (filter.kinds) conditions.push(`e.kind = any(${param(filter.kinds, 'text[]')})`);
  if (filter.enabled !== undefined) {
    conditions.push(`e.enabled = ${param(filter.enabled, 'boolean')}`);
  }
  if (filter.serialNumbers) {
    conditions.push(serialNumberIn(param(filter.serialNumbers, 'text[]'), channels));
  }
  if (filter.topics) conditions.push(`e.topic = any(${param(filter.topics, 'text[]')})`);
  if (filter.awaitingConfiguration !== undefined) {
    const wanted = param(filter.awaitingConfiguration, 'boolean');
    conditions.push(`coalesce(e.awaiting_configuration, false) = ${wanted}`);
  }
  if (filter.tags) conditions.push(...tagConditions(filter.tags, channels, param));
  return conditions;
}

/**
 * One tag that has to be there is a look-up by the whole key of `enrollment_tag`, which PostgreSQL can
 * turn into a join that begins with the tag's list.
 */
function tagConditions(tags: TagFilter, channels: Channels, param: Param): string[] {
  const has = (test: string) => {
    const own = `exists (select 1 from enrollment_tag t where ${test}
      and t.tenant_id = e.tenant_id and t.enrollment_id = e.id)`;
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

function serialNumberIn(list: string, channels: Channels): string {
  const own = `e.serial_number = any(${list})`;
  if (channels === 'DEVICE') return own;
  const devices = `select d.key from enrollment d where d.serial_number = any(${list})`;
  return `(${own} or e.device_key in (${devices}))`;
}

/** An empty list holds for everything: whoever must not mean "all" by it has refused it before. */
function allOf(conditions: readonly string[]): string {
  return conditions.length === 0 ? 'true' : conditions.map((one) => `(${one})`).join(' and ');
}

function anyOf(conditions: readonly string[]): string {
  return conditions.length === 0 ? 'false' : conditions.map((one) => `(${one})`).join(' or ');
}
