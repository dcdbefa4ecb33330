import type { CommandResultsSubscription } from '../../sdk/generated/operations.ts';
import { shape } from '../output/fields.ts';

type Item = CommandResultsSubscription['commandResults'];

/** What became of a command at one of its targets. */
export type Outcome = Exclude<Item, { readonly __typename: 'Checkpoint' }>;

/** In a word: `Acknowledged`, `NotNow`, `EXPIRED`. */
function wordOf(item: Outcome): string | null {
  if (item.__typename === 'CommandNotNowEvent') return 'NotNow';
  return item.__typename === 'CommandEndedEvent' ? item.reason : item.status;
}

/** Whether its target's part ends with it; an answer that came too late was told to have ended before. */
export function isFinal(item: Outcome): boolean {
  if (item.__typename === 'CommandAnsweredEvent') return !item.late;
  return item.__typename === 'CommandEndedEvent';
}

/** Whether its target has not done what it was told. */
export function isFailure(item: Outcome): boolean {
  return isFinal(item) && wordOf(item) !== 'Acknowledged';
}

/** How outcomes are shown. */
export const outcomeShape = shape(
  {
    at: { what: 'when it was told', of: (item: Outcome) => item.at },
    enrollmentId: { what: 'whose it is', of: (item) => item.enrollmentId },
    commandUuid: { what: 'CommandUUID of the command', of: (item) => item.commandUuid },
    requestType: { what: 'RequestType of the command', of: (item) => item.requestType },
    outcome: {
      what: 'Acknowledged, Error, CommandFormatError or NotNow; else why it ended, such as EXPIRED',
      of: wordOf,
    },
    error: {
      what: "the device's first words on what went wrong",
      of: (item) => {
        const [first] =
          (item.__typename === 'CommandAnsweredEvent' && item.result?.errorChain) || [];
        return first ? (first.usEnglishDescription ?? first.localizedDescription) : null;
      },
    },
    errorChain: {
      what: 'all that the device says of what went wrong',
      of: (item) =>
        item.__typename === 'CommandAnsweredEvent' ? (item.result?.errorChain ?? null) : null,
    },
    result: {
      what: 'the answer as JSON',
      of: (item) =>
        item.__typename === 'CommandAnsweredEvent' ? (item.result?.decoded ?? null) : null,
    },
    type: { what: 'type of the event', of: (item) => item.__typename },
    cursor: { what: 'position behind it, for --after', of: (item) => item.cursor },
    traceId: { what: "trace id of the device's message", of: (item) => item.traceId },
  },
  [
    ['at', 'AT', 24],
    ['enrollmentId', 'ENROLMENT', 36],
    ['outcome', 'OUTCOME', 18],
    ['requestType', 'TYPE', 18],
    ['error', 'ERROR'],
  ],
);
