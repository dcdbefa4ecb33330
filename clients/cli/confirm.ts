import { isError } from '../sdk/result.ts';
import type { Call, Flags, Values } from './command.ts';
import { Failure, failureOf, usage } from './failure.ts';

/** Flags of what may need a second look. */
export const confirmFlags = {
  'dry-run': { type: 'switch', what: 'change nothing; only say how many it would be' },
  yes: { type: 'switch', what: 'do not ask; with --expected-count' },
  'expected-count': {
    type: 'number',
    value: 'N',
    what: 'how many a dry run said: nothing is done if it would be more now',
  },
} as const satisfies Flags;

/** How a mutation is sent: spread it into the input. */
export interface Attempt {
  readonly validateOnly?: boolean;
  readonly expectedCount?: number;
}

interface Answer {
  readonly __typename: string;
}

type Done<Result extends Answer> = Exclude<Result, { readonly __typename: `${string}Error` }>;

/**
 * Sends a mutation on many. Where the server demands a dry run, because it wipes, locks or shuts out,
 * the count is shown and asked about on a terminal; elsewhere it has to be on the command line.
 * @param what     what it does, as `Erase`: for the question
 * @param countOf  how many an answer says
 * @throws {Failure} the server refused, or it was not confirmed
 */
export async function confirmed<Result extends Answer>(
  { flags, io, out }: Pick<Call, 'io' | 'out'> & { readonly flags: Values<typeof confirmFlags> },
  what: string,
  send: (attempt: Attempt) => Promise<Result>,
  countOf: (answer: Done<Result>) => number,
): Promise<Done<Result>> {
  const { yes, 'expected-count': expectedCount, 'dry-run': isDry } = flags;
  const canAsk = io.stdin.isTerminal && io.stderr.isTerminal;
  if (isDry) return done(await send({ validateOnly: true }));
  if (expectedCount !== undefined && yes) return done(await send({ expectedCount }));
  if (expectedCount !== undefined && !canAsk) {
    throw usage('--expected-count goes with --yes where nobody can be asked.');
  }
  if (expectedCount === undefined) {
    const answer = await send({});
    if (codeOf(answer) !== 'EXPECTED_COUNT_REQUIRED') return done(answer);
  }
  const count = countOf(done(await send({ validateOnly: true })));
  if (!canAsk || yes) {
    throw new Failure('CONFIRMATION_NEEDED', `${what} would reach ${count}. Nothing was done.`, {
      advice: `If that is what you want, add --yes --expected-count ${count}.`,
    });
  }
  await out.note(`${what} would reach ${count}.`);
  const typed = await io.stdin.line(`Type ${count} to go on: `);
  if (typed?.trim() !== String(count)) {
    throw new Failure('NOT_CONFIRMED', 'Nothing was done.');
  }
  return done(await send({ expectedCount: count }));
}

/** The payload of an answer. @throws {Failure} it is an error */
export function done<Result extends Answer>(answer: Result): Done<Result> {
  if (isError(answer)) throw failureOf(answer);
  return answer as Done<Result>;
}

function codeOf(answer: Answer): unknown {
  return isError(answer) ? Object(answer)['code'] : undefined;
}
