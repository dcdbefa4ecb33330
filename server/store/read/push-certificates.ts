import type { Viewer } from '../../model/viewer.ts';
import { countLimit } from './count.ts';
import { type Queryable, params, visibleTo } from './keyset.ts';

/** How many enabled devices are pushed on each of these topics, counted to `countLimit` at most. */
export async function devicesOnTopics(
  db: Queryable,
  viewer: Viewer,
  topics: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const statement = params([topics]);
  const visible = visibleTo(viewer, 'e', statement);
  const { rows } = await db.query<{ topic: string; devices: number }>(
    `select wanted.topic, (
       select count(*)::int from (
         select 1 from enrollment e
         where e.topic = wanted.topic and e.enabled and e.device_key is null and ${visible}
         limit ${countLimit}
       ) found
     ) as devices
     from unnest($1::text[]) as wanted (topic)`,
    statement.values,
  );
  return new Map(rows.map(({ topic, devices }) => [topic, devices]));
}
