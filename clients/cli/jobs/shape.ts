import { graphql } from '../../../generated/gql/gql.ts';
import type { DataOf } from '../document.ts';
import { own, shape } from '../output/fields.ts';

const jobFields = graphql(`
  fragment CliJobFields on Job {
    id
    jobId
    kind
    state
    done
    failed
    total
    message
    createdAt
    createdBy
    startedAt
    finishedAt
  }
`);

/** How a job is shown. */
export const jobShape = shape(
  own<DataOf<typeof jobFields>>()({
    jobId: 'its id',
    id: 'its global id',
    kind: 'what it does',
    state: 'QUEUED, RUNNING, PAUSED, SUCCEEDED, FAILED or CANCELLED',
    done: 'how much is done',
    failed: 'how much of it failed',
    total: 'how much there is to do',
    message: 'why it failed, or what came of it',
    createdAt: 'when it was asked for',
    createdBy: 'by whom',
    startedAt: 'when it began',
    finishedAt: 'when it ended',
  }),
  [
    ['jobId', 'ID'],
    ['kind', 'KIND'],
    ['state', 'STATE'],
    ['done', 'DONE'],
    ['total', 'TOTAL'],
    ['failed', 'FAILED'],
    ['createdAt', 'CREATED'],
    ['message', 'MESSAGE'],
  ],
);
