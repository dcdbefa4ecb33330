import type { Viewer } from '../../model/viewer.ts';
import {
  type Page,
  type Queryable,
  type Stretch,
  pagesOf,
  params,
  stretchSql,
  visibleTo,
} from './keyset.ts';
import { type ResultKey, resultKey } from './results.ts';

/** What is known of a section without what it says. */
export interface SectionHead {
  readonly section: string;
  /** When the device told it. */
  readonly answeredAt: Date;
  readonly commandKey: bigint;
}

/** A line of the history of an enrolment's inventory. */
export interface InventoryChangeRow {
  readonly key: bigint;
  readonly enrollmentKey: bigint;
  readonly section: string;
  readonly field: string;
  /** JSON. */
  readonly previous: unknown;
  readonly current: unknown;
  readonly at: Date;
  readonly commandKey: bigint;
}

/** Reads of inventory. Each takes the viewer and shows only what is his. */
export interface InventoryReads {
  /** Which sections there are of each of many enrolments. */
  inventorySections(
    viewer: Viewer,
    enrollmentKeys: readonly bigint[],
  ): Promise<ReadonlyMap<bigint, readonly SectionHead[]>>;
  /** One section of many enrolments, as JSON. */
  inventoryContents(
    viewer: Viewer,
    enrollmentKeys: readonly bigint[],
    section: string,
  ): Promise<ReadonlyMap<bigint, unknown>>;
  /** A page of the changes of each of many enrolments, oldest first. */
  inventoryChangePages(
    viewer: Viewer,
    enrollmentKeys: readonly bigint[],
    stretch: Stretch<bigint>,
  ): Promise<ReadonlyMap<bigint, Page<InventoryChangeRow>>>;
  /** Why results are not in the inventory. */
  inventoryProblems(
    viewer: Viewer,
    keys: readonly ResultKey[],
  ): Promise<ReadonlyMap<ResultKey, string>>;
  /** Number up to which each enrolment's events are in its inventory. */
  inventoryPositions(
    viewer: Viewer,
    enrollmentKeys: readonly bigint[],
  ): Promise<ReadonlyMap<bigint, { readonly streamId: string; readonly position: bigint }>>;
}

export function inventoryReads(db: Queryable): InventoryReads {
  return {
    async inventorySections(viewer, enrollmentKeys) {
      const statement = params([enrollmentKeys.map(String)]);
      const result = await db.query<{
        enrollment_key: string;
        section: string;
        answered_at: Date;
        command_key: string;
      }>(
        `select s.enrollment_key, s.section, s.answered_at, s.command_key
         from inventory_section s
         join enrollment e on e.key = s.enrollment_key and ${visibleTo(viewer, 'e', statement)}
         where s.enrollment_key = any ($1::bigint[])
         order by s.enrollment_key, s.section`,
        statement.values,
      );
      const found = new Map<bigint, SectionHead[]>();
      for (const row of result.rows) {
        const key = BigInt(row.enrollment_key);
        const { section, answered_at: answeredAt } = row;
        const head = { section, answeredAt, commandKey: BigInt(row.command_key) };
        const heads = found.get(key);
        if (heads) heads.push(head);
        else found.set(key, [head]);
      }
      return found;
    },

    async inventoryContents(viewer, enrollmentKeys, section) {
      const statement = params([enrollmentKeys.map(String), section]);
      const result = await db.query<{ enrollment_key: string; content: unknown }>(
        `select s.enrollment_key, s.content
         from inventory_section s
         join enrollment e on e.key = s.enrollment_key and ${visibleTo(viewer, 'e', statement)}
         where s.enrollment_key = any ($1::bigint[]) and s.section = $2`,
        statement.values,
      );
      return new Map(result.rows.map((row) => [BigInt(row.enrollment_key), row.content]));
    },

    async inventoryChangePages(viewer, enrollmentKeys, stretch) {
      const statement = params([enrollmentKeys.map(String)]);
      const visible = visibleTo(viewer, 'e', statement);
      const bound = (key: bigint | null) =>
        key === null ? null : [statement.add(String(key), 'bigint')];
      const bounds = { after: bound(stretch.after), before: bound(stretch.before) };
      const { where, tail } = stretchSql(['c.key'], bounds, stretch);
      const result = await db.query<{
        key: string;
        enrollment_key: string;
        section: string;
        field: string;
        previous: unknown;
        current: unknown;
        at: Date;
        command_key: string;
      }>(
        `select change.*
         from unnest($1::bigint[]) as parent (key)
         cross join lateral (
           select c.* from inventory_change c join enrollment e on e.key = c.enrollment_key
           where c.enrollment_key = parent.key and ${visible} ${where} ${tail}
         ) change
         order by change.enrollment_key, change.key ${stretch.fromEnd ? 'desc' : ''}`,
        statement.values,
      );
      const rows = result.rows.map(
        (row): InventoryChangeRow => ({
          key: BigInt(row.key),
          enrollmentKey: BigInt(row.enrollment_key),
          section: row.section,
          field: row.field,
          previous: row.previous,
          current: row.current,
          at: row.at,
          commandKey: BigInt(row.command_key),
        }),
      );
      return pagesOf(rows, ({ enrollmentKey }) => enrollmentKey, stretch);
    },

    async inventoryProblems(viewer, keys) {
      const pairs = keys.map((key) => key.split('/'));
      const statement = params([pairs.map(([one]) => one), pairs.map(([, two]) => two)]);
      const result = await db.query<{
        enrollment_key: string;
        command_key: string;
        reason: string;
      }>(
        `select p.enrollment_key, p.command_key, p.reason
         from unnest($1::bigint[], $2::bigint[]) as wanted (enrollment_key, command_key)
         join inventory_problem p on p.enrollment_key = wanted.enrollment_key
           and p.command_key = wanted.command_key
         join enrollment e on e.key = p.enrollment_key and ${visibleTo(viewer, 'e', statement)}`,
        statement.values,
      );
      return new Map(
        result.rows.map((row): [ResultKey, string] => [
          resultKey({
            enrollmentKey: BigInt(row.enrollment_key),
            commandKey: BigInt(row.command_key),
          }),
          row.reason,
        ]),
      );
    },

    async inventoryPositions(viewer, enrollmentKeys) {
      const statement = params([enrollmentKeys.map(String)]);
      const result = await db.query<{ key: string; id: string; position: string }>(
        `select e.key, s.id, l.position
         from enrollment e
         cross join event_stream s
         join projection_lane l on l.projection = 'inventory'
           and l.lane = e.key % (select count(*) from projection_lane where projection = 'inventory')
         where e.key = any ($1::bigint[]) and ${visibleTo(viewer, 'e', statement)}`,
        statement.values,
      );
      return new Map(
        result.rows.map((row) => [
          BigInt(row.key),
          { streamId: row.id, position: BigInt(row.position) },
        ]),
      );
    },
  };
}
