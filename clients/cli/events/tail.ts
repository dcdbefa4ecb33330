import { readFile, rename, writeFile } from 'node:fs/promises';
import { graphql } from '../../../generated/gql/gql.ts';
import type { CliEventsSubscription, EventType } from '../../../generated/gql/graphql.ts';
import { command } from '../command.ts';
import { exit } from '../exit.ts';
import { Failure, usage } from '../failure.ts';
import { shape } from '../output/fields.ts';
import { eventTypes } from './types.ts';

const document = graphql(`
  subscription CliEvents($filter: EventFilterInput, $after: String) {
    events(filter: $filter, after: $after) {
      __typename
      ... on Checkpoint {
        cursor
      }
      ... on Event {
        id
        cursor
        at
        traceId
        actor
        enrollmentId
        commandUuid
      }
      ... on CommandAnsweredEvent {
        status
        requestType
      }
      ... on CommandEndedEvent {
        reason
        requestType
      }
      ... on CommandEnqueuedEvent {
        requestType
        targetCount
      }
    }
  }
`);

type Row = Exclude<CliEventsSubscription['events'], { __typename: 'Checkpoint' }>;

const eventShape = shape(
  {
    type: { what: 'its type, such as CommandAnswered', of: (row: Row) => typeOf(row) },
    at: { what: 'when it happened', of: (row) => row.at },
    enrollmentId: { what: 'whose it is', of: (row) => row.enrollmentId },
    commandUuid: {
      what: 'CommandUUID of the command that it is about',
      of: (row) => row.commandUuid,
    },
    requestType: {
      what: 'RequestType of that command, where it was sent, answered or ended',
      of: (row) => ('requestType' in row ? row.requestType : null),
    },
    detail: {
      what: 'in a word: status of an answer, reason of an end, number of targets',
      of: (row) => {
        if ('status' in row) return row.status;
        if ('reason' in row) return row.reason;
        return 'targetCount' in row ? row.targetCount : null;
      },
    },
    actor: { what: 'who did it', of: (row) => row.actor },
    traceId: {
      what: "trace id of the device's message or of the request",
      of: (row) => row.traceId,
    },
    cursor: { what: 'position behind it, for --after', of: (row) => row.cursor },
    id: { what: 'its id', of: (row) => row.id },
  },
  [
    ['at', 'AT', 24],
    ['type', 'TYPE', 24],
    ['enrollmentId', 'ENROLMENT', 36],
    ['commandUuid', 'COMMAND', 36],
    ['detail', 'DETAIL'],
  ],
);

function typeOf({ __typename }: Row): string {
  return __typename.replace(/Event$/, '');
}

export const eventsTail = command({
  words: ['events', 'tail'],
  what: 'shows what happens, as it happens',
  more:
    'It goes on through restarts of the server and cuts of the network, each event once. --cursor-file does the\n' +
    'same for restarts of this program: behind each event its position is written there. An event that was\n' +
    'printed just before the program was killed comes again.',
  flags: {
    after: {
      type: 'text',
      value: 'CURSOR',
      what: 'from behind this position, or EARLIEST; else from now',
    },
    'cursor-file': {
      type: 'text',
      value: 'FILE',
      isFile: true,
      what: 'go on from the position in it, if it is there, and keep it there',
    },
    types: { type: 'list', value: 'TYPE', choices: eventTypes, what: 'only of these types' },
    enrollment: { type: 'list', value: 'ID', what: 'only about these enrolments' },
    command: { type: 'list', value: 'UUID', what: 'only about these commands' },
    limit: { type: 'number', value: 'N', least: 1, what: 'end after so many' },
  },
  fields: eventShape.fields,
  examples: [
    'graphmdm events tail --types CommandAnswered,CommandEnded',
    'graphmdm events tail --after EARLIEST --cursor-file position --json type,enrollmentId,cursor',
  ],
  async run({ flags, io, out, connect }) {
    out.demand(eventShape);
    const show = out.stream(eventShape);
    const { 'cursor-file': file, types, limit = Number.POSITIVE_INFINITY } = flags;
    const kept = file === undefined ? undefined : await readCursor(file);
    const mdm = connect();
    let last: string | undefined = kept ?? flags.after ?? (await mdm.eventCursor());
    const wanted: readonly EventType[] = types;
    const filter = {
      ...(wanted.length > 0 && { types: [...wanted] }),
      ...(flags.enrollment.length > 0 && { enrollments: flags.enrollment }),
      ...(flags.command.length > 0 && { commands: flags.command }),
    };
    const items = mdm.follow(
      document,
      { filter, after: last },
      { checkpoints: true, signal: io.interrupted },
    );
    let count = 0;
    for await (const item of items) {
      if (item.__typename !== 'Checkpoint') {
        await show(item);
        count += 1;
      }
      last = item.cursor;
      if (file !== undefined) await writeCursor(file, last);
      if (count >= limit) return exit.ok;
    }
    if (file === undefined) await out.note(`Stopped. Go on with --after ${last}`);
    return exit.interrupted;
  },
});

/** @throws {Failure} there is a file, and it can't be read */
async function readCursor(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim() || undefined;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return undefined;
    throw usage(`--cursor-file: ${file} cannot be read (${code}).`);
  }
}

/** Never half: whoever reads it sees the position before or this one. @throws {Failure} */
async function writeCursor(file: string, cursor: string): Promise<void> {
  try {
    await writeFile(`${file}.new`, `${cursor}\n`);
    await rename(`${file}.new`, file);
  } catch (error) {
    throw new Failure('CURSOR_NOT_KEPT', `${file} cannot be written (${codeOf(error)}).`, {
      advice: `Go on with --after ${cursor}`,
    });
  }
}

function codeOf(error: unknown): string {
  return String(Object(error).code ?? 'unknown');
}
