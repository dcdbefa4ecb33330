import { command } from '../command.ts';
import { jobWatched } from './follow.ts';
import { jobShape } from './shape.ts';

export const jobsWatch = command({
  words: ['jobs', 'watch'],
  what: 'waits for the end of a job, and shows it then',
  more: 'Exit status 4: it has ended, and some of it failed.',
  argument: { name: 'ID', what: 'its id' },
  flags: {},
  fields: jobShape.fields,
  examples: ['graphmdm jobs watch 17 --json state,done,failed'],
  async run({ args: [id = ''], io, out, connect }) {
    const mdm = connect();
    return await jobWatched({ io, out }, mdm, id, await mdm.eventCursor(), true);
  },
});
