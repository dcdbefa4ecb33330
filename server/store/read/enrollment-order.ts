import type { EnrollmentOrder, EnrollmentOrderField } from '../../model/enrollment-order.ts';
import {
  certificateEndOf,
  deviceNameOf,
  enrolledAtOf,
  osVersionOf,
  serialNumberOf,
} from './enrollment-columns.ts';

/** Takes a value and answers its placeholder. */
type Add = (value: unknown, type: string) => string;

/** An order as SQL over `enrollment e`. */
export interface OrderSql {
  /** What the list is ordered by. */
  readonly columns: readonly string[];
  /** What has to be joined to it; `h` is the row of `enrollment_seen_hour`. */
  readonly join: string;
  /** The same join for a few rows that were found otherwise, each by itself. */
  readonly lookUp: string;
  /** A row's position as texts. */
  readonly position: readonly string[];
  /** A position's placeholders as values of the columns. */
  readonly bound: (add: Add, position: readonly string[]) => string[];
  /** The same of a position's first part alone. */
  readonly valueOf: (add: Add, value: string) => string;
}

interface ByValue {
  readonly value: string;
  readonly type: 'text' | 'int' | 'bigint' | 'time';
}

const values: Readonly<Record<Exclude<EnrollmentOrderField, 'ENROLLMENT_ID'>, ByValue>> = {
  SERIAL_NUMBER: { value: serialNumberOf('e'), type: 'text' },
  DEVICE_NAME: { value: deviceNameOf('e'), type: 'text' },
  LAST_SEEN: { value: 'h.hour', type: 'int' },
  ENROLLED_AT: { value: enrolledAtOf('e'), type: 'time' },
  FIRST_SEEN: { value: 'e.created_at', type: 'time' },
  OS_VERSION: { value: osVersionOf('e'), type: 'bigint' },
  CERTIFICATE_EXPIRY: { value: certificateEndOf('e'), type: 'time' },
};

/** How a page in this order is asked for. */
export function orderSql({ field }: EnrollmentOrder): OrderSql {
  if (field === 'ENROLLMENT_ID') {
    return {
      columns: ['e.id'],
      join: '',
      lookUp: '',
      position: ['e.id'],
      bound: (add, [id]) => [add(id, 'text')],
      valueOf: (add, id) => add(id, 'text'),
    };
  }
  const { value, type } = values[field];
  const valueOf = (add: Add, text: string) =>
    type === 'time'
      ? `(timestamptz 'epoch' + ${add(text, 'bigint')} * interval '1 microsecond')`
      : add(text, type);
  const seen = field === 'LAST_SEEN';
  // Of equal ones the older comes first. The key is read where the order's index has it.
  const key = seen ? 'h.enrollment_key' : 'e.key';
  return {
    columns: [value, key],
    join: seen
      ? `join enrollment_seen_hour h
          on h.enrollment_key = e.key and h.tenant_id = e.tenant_id and h.device`
      : '',
    lookUp: seen
      ? `cross join lateral (select * from enrollment_seen_hour h
          where h.enrollment_key = e.key and h.tenant_id = e.tenant_id and h.device offset 0) h`
      : '',
    // Microseconds: a Date would round what the order is made of.
    position: [
      type === 'time' ? `(extract(epoch from ${value}) * 1000000)::bigint::text` : `${value}::text`,
      `${key}::text`,
    ],
    bound: (add, [text = '', position]) => [valueOf(add, text), add(position, 'bigint')],
    valueOf,
  };
}
