import type { Channels, EnrollmentFilter } from '../../model/targets.ts';
import type { TenantId } from '../../model/viewer.ts';
import { textArray } from '../binary-array.ts';
import { type Param, deviceConditions, oneOf } from './enrollment-filter-device.ts';
import { relatedConditions } from './enrollment-filter-related.ts';

/** Whose enrolments, and which of their channels. */
export interface EnrollmentScope {
  readonly tenant: TenantId | null;
  /** SQL of the tenant, where the statement itself goes through them all. */
  readonly owner?: string;
  readonly channels: Channels;
  /** Bounds of the page that is asked for, where it is one in the order of ids: said of another column. */
  readonly idsBetween?: (column: string) => string;
  /** The alias of the joined `enrollment_seen_hour`, where there is one. */
  readonly seenHour?: string;
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
 * Members are about the enrolment itself, except what only devices have: a user channel is found by its
 * device's.
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
  const owner = scope.owner ?? (scope.tenant === null ? null : param(scope.tenant, 'int'));
  if (owner !== null) conditions.push(`e.tenant_id = ${owner}`);
  if (scope.channels === 'DEVICE') conditions.push('e.device_key is null');
  if (scope.channels === 'USER') conditions.push('e.device_key is not null');
  conditions.push(...membersOf(filter, { ...scope, owner }, param));
  return { sql: allOf(conditions), values };
}

function membersOf(
  filter: EnrollmentFilter,
  scope: Omit<EnrollmentScope, 'owner'> & { readonly owner: string | null },
  param: Param,
): string[] {
  const nested = (inner: EnrollmentFilter) => allOf(membersOf(inner, scope, param));
  const conditions: string[] = [];
  if (filter.and) conditions.push(...filter.and.map(nested));
  if (filter.or) conditions.push(anyOf(filter.or.map(nested)));
  // A condition over an unknown value is null, and so is its opposite: "not" has to mean "all others".
  if (filter.not) conditions.push(`(${nested(filter.not)}) is not true`);
  if (filter.ids) conditions.push(`e.id = any(${param(textArray(filter.ids), 'text[]')})`);
  if (filter.kinds) conditions.push(`e.kind = any(${param(filter.kinds, 'text[]')})`);
  if (filter.enabled !== undefined) {
    conditions.push(`e.enabled = ${param(filter.enabled, 'boolean')}`);
  }
  if (filter.topics) conditions.push(oneOf('e.topic', filter.topics, param));
  if (filter.awaitingConfiguration !== undefined) {
    // As the index of those that wait says it.
    conditions.push(
      `e.awaiting_configuration is ${filter.awaitingConfiguration ? '' : 'not '}true`,
    );
  }
  conditions.push(...deviceConditions(filter, scope, param));
  conditions.push(...relatedConditions(filter, scope, param));
  return conditions;
}

/** An empty list holds for everything: whoever must not mean "all" by it has refused it before. */
function allOf(conditions: readonly string[]): string {
  return conditions.length === 0 ? 'true' : conditions.map((one) => `(${one})`).join(' and ');
}

function anyOf(conditions: readonly string[]): string {
  return conditions.length === 0 ? 'false' : conditions.map((one) => `(${one})`).join(' or ');
}
