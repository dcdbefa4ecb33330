import { type Params, type Stretch, stretchSql } from './keyset.ts';

/** Where a row stands in a list that is in the order of keys, or of times where the filter names times. */
export interface TimedPosition {
  readonly key: bigint;
  /** Microseconds since 1970; null: the cursor was made before cursors told times. */
  readonly micros: bigint | null;
}

/** What is listed: rows with a key and a time. */
interface Timed {
  readonly table: string;
  readonly alias: string;
  /** The column of the time. */
  readonly time: string;
}

/**
 * A stretch in the order of times, then of keys.
 * @param times  which times it is about: from the first on, before the second
 */
export function timedStretchSql(
  { table, alias, time }: Timed,
  times: { readonly from: Date | undefined; readonly before: Date | undefined },
  stretch: Stretch<TimedPosition>,
  statement: Params,
): { readonly where: string; readonly tail: string } {
  const column = `${alias}.${time}`;
  const lower = endOf(stretch.after, times.from, (cursor, from) => cursor >= from);
  const upper = endOf(stretch.before, times.before, (cursor, before) => cursor < before);
  const timeOf = ({ key, micros }: TimedPosition) =>
    micros !== null
      ? microsSql(micros, statement)
      : // Its row may have gone: then by the one before it.
        `coalesce((select o.${time} from ${table} o
          where o.key <= ${statement.add(String(key), 'bigint')}
          order by o.key desc limit 1), to_timestamp(0))`;
  const bound = (position: TimedPosition | null) =>
    position === null ? null : [timeOf(position), statement.add(String(position.key), 'bigint')];
  const bounds = { after: bound(lower.cursor), before: bound(upper.cursor) };
  const { where, tail } = stretchSql([column, `${alias}.key`], bounds, stretch);
  const conditions = [
    lower.time === null ? '' : `and ${column} >= ${microsSql(lower.time, statement)}`,
    upper.time === null ? '' : `and ${column} < ${microsSql(upper.time, statement)}`,
  ];
  return { where: [where, ...conditions].join(' '), tail };
}

/**
 * Of a cursor and a time, both at one end of a stretch, the narrower one: an index is read from one bound
 * on, and of two PostgreSQL may take the wide one. Both, where the cursor does not tell its time.
 */
function endOf(
  cursor: TimedPosition | null,
  time: Date | undefined,
  isNarrower: (cursor: bigint, time: bigint) => boolean,
): { readonly cursor: TimedPosition | null; readonly time: bigint | null } {
  const micros = time === undefined ? null : BigInt(time.getTime()) * 1_000n;
  const at = cursor?.micros ?? null;
  if (micros === null || at === null) return { cursor, time: micros };
  return isNarrower(at, micros) ? { cursor, time: null } : { cursor: null, time: micros };
}

function microsSql(micros: bigint, statement: Params): string {
  return `(timestamptz 'epoch' + ${statement.add(String(micros), 'bigint')} * interval '1 microsecond')`;
}

/** A time as a position has it. */
export function timeInMicros(column: string): string {
  return `(extract(epoch from ${column}) * 1000000)::bigint`;
}

/** Rows of `key` and `micros` as positions. */
export function positionsOf(
  rows: readonly { readonly key: string; readonly micros: string }[],
): TimedPosition[] {
  return rows.map(({ key, micros }) => ({ key: BigInt(key), micros: BigInt(micros) }));
}

/** A list that goes down is the ascending one from behind. */
export function fromBehind<Position>(stretch: Stretch<Position>): Stretch<Position> {
  return {
    limit: stretch.limit,
    after: stretch.before,
    before: stretch.after,
    fromEnd: !stretch.fromEnd,
  };
}
