/**
 * The result `r` of each pair of keys in `wanted (enrollment_key, command_key)`, which stands before it. Each is looked
 * up by itself: joined, PostgreSQL may take all results of the command to find the one. `offset 0` keeps it from
 * making a join of this.
 */
export const eachResult = `cross join lateral (
  select r.* from command_result r
  where r.enrollment_key = wanted.enrollment_key and r.command_key = wanted.command_key
  offset 0
) r`;
