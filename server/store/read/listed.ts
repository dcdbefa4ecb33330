import { type EnrollmentOrderField, enrollmentOrderFields } from '../../model/enrollment-order.ts';
import type { EnrollmentFilter } from '../../model/targets.ts';

/** A filter that lists of devices answer a page at a time, however many devices there are. */
export interface ListedFilter {
  /** As the graph writes it. */
  readonly filter: string;
  readonly orders: readonly EnrollmentOrderField[];
  /** What the plan is tested with, over the devices of `test/enrollments/many-devices.ts`. */
  readonly example: EnrollmentFilter;
  /** The index behind it. */
  readonly index: string;
}

const byId = ['ENROLLMENT_ID'] as const;

/** The filters and orders whose cost is that of a page; plans are tested, docs are made from it. */
export const listedFilters: readonly ListedFilter[] = [
  {
    filter: 'none',
    orders: enrollmentOrderFields,
    example: {},
    index: "each order's own",
  },
  { filter: '`ids`', orders: byId, example: { ids: ['D-0000500'] }, index: 'enrollment_id_key' },
  {
    filter: '`serialNumbers`',
    orders: byId,
    example: { serialNumbers: ['SN0000500'] },
    index: 'enrollment_serial_number_idx',
  },
  {
    filter: '`enabled`',
    orders: byId,
    example: { enabled: false },
    index: 'enrollment_list_enabled_idx',
  },
  {
    filter: '`awaitingConfiguration: true`',
    orders: byId,
    example: { awaitingConfiguration: true },
    index: 'enrollment_list_awaiting_idx',
  },
  {
    filter: '`topics`, one',
    orders: byId,
    example: { topics: ['com.example.few'] },
    index: 'enrollment_list_topic_idx',
  },
  {
    filter: '`models`, one',
    orders: byId,
    example: { models: ['Few'] },
    index: 'enrollment_list_model_idx',
  },
  {
    filter: '`tags: { any }` with one tag, or `tags: { all }`',
    orders: byId,
    example: { tags: { any: ['hundredth'] } },
    index: 'enrollment_tag_pkey',
  },
  {
    filter: '`lastSeenBefore`, `lastSeenAfter`',
    orders: ['LAST_SEEN'],
    example: { lastSeenAfter: '2026-06-01T00:00:00Z', lastSeenBefore: '2026-06-03T00:00:00Z' },
    index: 'enrollment_seen_hour_list_idx',
  },
  {
    filter: '`enrolledBefore`, `enrolledAfter`',
    orders: ['ENROLLED_AT'],
    example: { enrolledAfter: '2026-06-01T00:00:00Z', enrolledBefore: '2026-06-03T00:00:00Z' },
    index: 'enrollment_list_enrolled_at_idx',
  },
  {
    filter: '`osVersion`',
    orders: ['OS_VERSION'],
    example: { osVersion: { atLeast: '14.3', below: '15' } },
    index: 'enrollment_list_os_version_idx',
  },
  {
    filter: '`certificateExpiresBefore`',
    orders: ['CERTIFICATE_EXPIRY'],
    example: { certificateExpiresBefore: '2026-06-03T00:00:00Z' },
    index: 'enrollment_list_cert_not_after_idx',
  },
];
