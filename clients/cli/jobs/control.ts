import { graphql } from '../../../generated/gql/gql.ts';
import type { Client } from '../../sdk/client.ts';
import { type Command, command } from '../command.ts';
import { done } from '../confirm.ts';
import { exit } from '../exit.ts';
import { jobOf } from './follow.ts';
import { jobShape } from './shape.ts';

const cancel = graphql(`
  mutation CliCancelJob($input: JobInput!) {
    cancelJob(input: $input) {
      __typename
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

const pause = graphql(`
  mutation CliPauseJob($input: JobInput!) {
    pauseJob(input: $input) {
      __typename
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

const resume = graphql(`
  mutation CliResumeJob($input: JobInput!) {
    resumeJob(input: $input) {
      __typename
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

export const jobsCancel = control(
  'cancel',
  'ends a job; what it has done stays done',
  async (mdm, jobId) => {
    done((await mdm.mutate(cancel, { input: { jobId } })).cancelJob);
  },
);

export const jobsPause = control('pause', 'stops a job until it is resumed', async (mdm, jobId) => {
  done((await mdm.mutate(pause, { input: { jobId } })).pauseJob);
});

export const jobsResume = control('resume', 'lets a paused job go on', async (mdm, jobId) => {
  done((await mdm.mutate(resume, { input: { jobId } })).resumeJob);
});

function control(
  verb: string,
  what: string,
  change: (mdm: Client, jobId: string) => Promise<void>,
): Command {
  return command({
    words: ['jobs', verb],
    what,
    argument: { name: 'ID', what: 'its id' },
    flags: {},
    fields: jobShape.fields,
    examples: [`graphmdm jobs ${verb} 17`],
    async run({ args: [id = ''], out, connect }) {
      const mdm = connect();
      await change(mdm, id);
      await out.item(jobShape, await jobOf(mdm, id));
      return exit.ok;
    },
  });
}
