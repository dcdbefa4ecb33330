import { graphql } from '../../../generated/gql/gql.ts';
import type { DataOf } from '../document.ts';
import { own, shape } from '../output/fields.ts';

const commandFields = graphql(`
  fragment CliCommandFields on Command {
    id
    uuid
    requestType
    createdAt
    createdBy
    priority
    notBefore
    expiresAt
    targetCount
    refusedCount
    progress {
      pending
      notNow
      acknowledged
      error
      cancelled
      cleared
      expired
      reEnrolled
      unenrolled
      refused
      total
      finished
    }
  }
`);

type Row = DataOf<typeof commandFields>;

/** How a command is shown. */
export const commandShape = shape(
  {
    ...own<Row>()({
      uuid: 'its CommandUUID',
      id: 'its global id',
      requestType: 'its RequestType',
      createdAt: 'when it was sent',
      createdBy: 'who sent it',
      priority: 'its priority',
      notBefore: 'not delivered before',
      expiresAt: 'not delivered after',
      targetCount: 'how many it is meant for',
      refusedCount: 'for how many of them it was not queued',
      progress: 'how many of them stand how',
    }),
    finished: {
      what: 'whether nothing more is to come',
      of: ({ progress }: Row) => progress?.finished ?? null,
    },
    acknowledged: {
      what: 'how many have done it',
      of: ({ progress }: Row) => progress?.acknowledged ?? null,
    },
    failed: {
      what: 'how many answered with an error',
      of: ({ progress }: Row) => progress?.error ?? null,
    },
  },
  [
    ['uuid', 'UUID'],
    ['requestType', 'TYPE'],
    ['createdAt', 'SENT'],
    ['createdBy', 'BY'],
    ['targetCount', 'TARGETS'],
    ['acknowledged', 'DONE'],
    ['failed', 'FAILED'],
    ['finished', 'FINISHED'],
  ],
);
