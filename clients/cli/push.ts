import type { PushMutation } from '../sdk/generated/operations.ts';
import { command } from './command.ts';
import { done } from './confirm.ts';
import { exit } from './exit.ts';
import { jobWatched } from './jobs/follow.ts';
import { shape } from './output/fields.ts';
import { targetFlags, targetsOf } from './targets.ts';

type Row = Extract<PushMutation['pushEnrollments'], { __typename: 'PushEnrollmentsPayload' }>;

const pushShape = shape(
  {
    targetCount: { what: 'how many are pushed to', of: (row: Row) => row.targetCount },
    job: { what: 'the job that does it', of: (row) => row.job?.jobId ?? null },
    refused: { what: 'those that are not pushed to, and why', of: (row) => row.refused },
    replayed: { what: 'whether it had been done before', of: (row) => row.replayed },
    cursor: { what: 'position from before, for --after', of: (row) => row.cursor },
  },
  [],
);

export const push = command({
  words: ['push'],
  what: 'wakes enrolments by push, so that they ask for their commands',
  flags: {
    ...targetFlags,
    watch: { type: 'switch', what: 'wait until all pushes are sent; status 4 if some failed' },
    'dry-run': { type: 'switch', what: 'push to nobody; only say how many it would be' },
  },
  fields: pushShape.fields,
  examples: ['graphmdm push --to 00008110-000A2D9E3C41801E', 'graphmdm push --all --watch'],
  async run({ flags, io, out, connect }) {
    out.demand(pushShape);
    const targets = targetsOf(flags);
    const mdm = connect();
    const pushed = done(await mdm.push({ targets, validateOnly: flags['dry-run'] }));
    for (const { id, message } of pushed.refused.slice(0, 10)) await out.note(`${id}: ${message}`);
    await out.item(pushShape, pushed);
    const status = pushed.refused.length > 0 ? exit.partly : exit.ok;
    if (!flags.watch || pushed.validateOnly || pushed.job === null) return status;
    const { jobId } = pushed.job;
    return (await jobWatched({ io, out }, mdm, jobId, pushed.cursor, false)) || status;
  },
});
