import type { Targets } from '../../model/targets.ts';
import type { TenantId } from '../../model/viewer.ts';
import { compileTargets } from '../read/enrollment-targets.ts';

/** Whom a page of pushes is for. */
export type PushSelection =
  | { readonly targets: Targets; readonly tenant: TenantId | null }
  /** Those for whom a command waits. */
  | { readonly commandKey: string }
  /** Those whose last push failed for want of a certificate that Apple takes. */
  | { readonly refusedOnTopic: string };

/**
 * The selection as a query for `key`, without order, from the key $1 on.
 * @param values the parameters so far; its own are added
 */
export function selectionSql(selection: PushSelection, values: unknown[]): string {
  if ('commandKey' in selection) {
    values.push(selection.commandKey);
    return `select enrollment_key as key from queue_entry
      where command_key = $${values.length} and enrollment_key > $1`;
  }
  if ('refusedOnTopic' in selection) {
    values.push(selection.refusedOnTopic);
    return `select e.key from push_state s join enrollment e on e.key = s.enrollment_key
      where s.enrollment_key > $1 and s.outcome in ('CERTIFICATE_REFUSED', 'NO_CERTIFICATE')
        and e.enabled and e.topic = $${values.length}`;
  }
  const { targets, tenant } = selection;
  const condition = compileTargets(targets, tenant, values.length + 1);
  values.push(...condition.values);
  return `select e.key from enrollment e where (${condition.sql}) and e.enabled and e.key > $1`;
}
