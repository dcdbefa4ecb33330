import type { EnrollmentKind } from '../server/model/enrollment.ts';
import { ValidationError } from '../server/model/errors.ts';
import type { EnrollmentFilter, PushStateName } from '../server/model/targets.ts';
import { builder } from './builder.ts';
import type { GraphContext } from './context.ts';
import { enrollmentIdOf } from './enrollment-id.ts';
import { EnrollmentKindEnum } from './enrollment-kind.ts';
import { PushStateEnum } from './push-state.ts';

type Maybe<T> = T | null | undefined;

interface TagFilterInput {
  any?: Maybe<string[]>;
  all?: Maybe<string[]>;
  none?: Maybe<string[]>;
}

/** `EnrollmentFilterInput` as it arrives. */
export interface FilterInput {
  and?: Maybe<FilterInput[]>;
  or?: Maybe<FilterInput[]>;
  not?: Maybe<FilterInput>;
  ids?: Maybe<string[]>;
  kinds?: Maybe<EnrollmentKind[]>;
  enabled?: Maybe<boolean>;
  serialNumbers?: Maybe<string[]>;
  topics?: Maybe<string[]>;
  awaitingConfiguration?: Maybe<boolean>;
  tags?: Maybe<TagFilterInput>;
  search?: Maybe<string>;
  models?: Maybe<string[]>;
  osVersion?: Maybe<OsVersionRange>;
  lastSeenBefore?: Maybe<Date>;
  lastSeenAfter?: Maybe<Date>;
  enrolledBefore?: Maybe<Date>;
  enrolledAfter?: Maybe<Date>;
  certificateExpiresBefore?: Maybe<Date>;
  pendingCommands?: Maybe<string[]>;
  pushStates?: Maybe<PushStateName[]>;
}

interface OsVersionRange {
  atLeast?: Maybe<string>;
  below?: Maybe<string>;
}

const OsVersionRangeInput = builder.inputRef<OsVersionRange>('OsVersionRangeInput').implement({
  description:
    'Versions of a system, such as `14` or `10.15.7`, compared by their numbers: what is not said is 0. ' +
    'A device that has told no version is in no range.',
  fields: (t) => ({
    atLeast: t.string({ description: 'This version or a newer one.' }),
    below: t.string({ description: 'Older than this version.' }),
  }),
});

const TagFilter = builder.inputRef<TagFilterInput>('TagFilterInput').implement({
  description: 'Which tags an enrolment has: every member that is given must hold.',
  fields: (t) => ({
    any: t.stringList({ description: 'At least one of these.' }),
    all: t.stringList({ description: 'All of these.' }),
    none: t.stringList({ description: 'None of these.' }),
  }),
});

export const EnrollmentFilterInput = builder.inputRef<FilterInput>('EnrollmentFilterInput');

EnrollmentFilterInput.implement({
  description:
    'Which enrolments: every member that is given must hold. In a mutation an empty filter, an ' +
    'empty list or a null is a ValidationError, so that nothing means "all" by mistake.',
  fields: (t) => ({
    and: t.field({ type: [EnrollmentFilterInput], description: 'All of these hold.' }),
    or: t.field({ type: [EnrollmentFilterInput], description: 'At least one of these holds.' }),
    not: t.field({ type: EnrollmentFilterInput, description: 'This does not hold.' }),
    ids: t.idList({ description: 'One of these: natural ids or global ones.' }),
    kinds: t.field({ type: [EnrollmentKindEnum], description: 'Of one of these kinds.' }),
    enabled: t.boolean({ description: 'Whether commands are delivered to it now.' }),
    serialNumbers: t.stringList({
      description: 'With one of these serial numbers; a user channel by that of its device.',
    }),
    topics: t.stringList({ description: 'Pushed on one of these topics.' }),
    awaitingConfiguration: t.boolean({
      description: 'Whether it waits in Setup Assistant until it is told to go on.',
    }),
    tags: t.field({
      type: TagFilter,
      description: 'With these tags; a user channel also by those of its device.',
    }),
    search: t.string({
      description:
        'Whose id, serial number or name begins so; where the database has pg_trgm, in which this stands, ' +
        'if it has three characters or more. Letters whatever their case, but ids and serial numbers that ' +
        'begin so as written or in capitals; a user channel by its id or its device.',
    }),
    models: t.stringList({
      description: 'Of one of these models, such as `MacBookPro`; a user channel by its device.',
    }),
    osVersion: t.field({
      type: OsVersionRangeInput,
      description: "With a system of these versions; a user channel by its device's.",
    }),
    lastSeenBefore: t.field({
      type: 'DateTime',
      description: 'Last heard before the hour of this time, or never. Compared by the hour.',
    }),
    lastSeenAfter: t.field({
      type: 'DateTime',
      description: 'Heard in the hour of this time or since. Compared by the hour.',
    }),
    enrolledBefore: t.field({ type: 'DateTime', description: 'Enrolled before this time.' }),
    enrolledAfter: t.field({ type: 'DateTime', description: 'Enrolled at this time or since.' }),
    certificateExpiresBefore: t.field({
      type: 'DateTime',
      description: 'The certificate that it signs with ends before this time.',
    }),
    pendingCommands: t.stringList({
      description: 'A command of one of these RequestTypes waits for it.',
    }),
    pushStates: t.field({
      type: [PushStateEnum],
      description: 'Pushing to it stands like one of these.',
    }),
  }),
});

/** How far filters may nest, and how many may be in one another. */
const maxDepth = 10;
const maxFilters = 200;

/** What is shorter is never found inside a text: the index knows of no less than three characters. */
const shortestInside = 3;

/** Whether texts are searched inside: the database's own answer, so that all processes give the same. */
type Searching = Pick<GraphContext['lists'], 'searchesInside'>;

/**
 * A filter for a list: a null member is one that was not given.
 * @throws {ValidationError} too deep, too many, or a text that is none
 */
export function listFilterOf(
  searching: Searching,
  input: Maybe<FilterInput>,
  path: readonly string[],
): Promise<EnrollmentFilter> {
  return filterOf(searching, input ?? {}, path, false);
}

/**
 * A filter for a mutation.
 * @throws {ValidationError} also when it is empty, or a member is empty or null
 */
export function targetFilterOf(
  searching: Searching,
  input: FilterInput,
  path: readonly string[],
): Promise<EnrollmentFilter> {
  return filterOf(searching, input, path, true);
}

async function filterOf(
  searching: Searching,
  input: FilterInput,
  path: readonly string[],
  strict: boolean,
): Promise<EnrollmentFilter> {
  const first: Reading = { strict, left: maxFilters, inside: false, searches: false };
  const filter = read(input, path, first, 1);
  if (!first.searches || !(await searching.searchesInside())) return filter;
  return read(input, path, { strict, left: maxFilters, inside: true, searches: false }, 1);
}

interface Reading {
  readonly strict: boolean;
  /** Whether texts are searched inside. */
  readonly inside: boolean;
  left: number;
  /** Set when there is a text that could be searched inside others. */
  searches: boolean;
}

function read(
  input: FilterInput,
  path: readonly string[],
  reading: Reading,
  depth: number,
): EnrollmentFilter {
  reading.left -= 1;
  if (depth > maxDepth || reading.left < 0) {
    throw new ValidationError(
      'FILTER_TOO_LARGE',
      `A filter has at most ${maxDepth} levels and ${maxFilters} parts.`,
      path,
    );
  }
  if (reading.strict) demandMembers(input, path);
  const inner = (name: string) => (filter: FilterInput, index?: number) =>
    read(
      filter,
      [...path, name, ...(index === undefined ? [] : [String(index)])],
      reading,
      depth + 1,
    );
  const texts = (name: string, list: readonly string[]) =>
    list.map((text, index) => {
      if (!text.includes('\0')) return text;
      throw new ValidationError('NOT_A_TEXT', 'A text holds no NUL.', [
        ...path,
        name,
        String(index),
      ]);
    });
  const tagsOf = (tags: TagFilterInput) => {
    if (reading.strict) demandMembers(tags, [...path, 'tags']);
    const { any, all, none } = tags;
    return {
      ...(any && { any: texts('tags', any) }),
      ...(all && { all: texts('tags', all) }),
      ...(none && { none: texts('tags', none) }),
    };
  };
  const searched = (text: string) => {
    texts('search', [text]);
    if (Array.from(text).length < shortestInside) return { search: text };
    reading.searches = true;
    return { search: text, ...(reading.inside && { inside: true as const }) };
  };
  const time = (name: TimeMember) => {
    const value = input[name];
    return value && { [name]: value.toISOString() };
  };
  const { search, models, osVersion, pendingCommands, pushStates } = input;
  const { and, or, not, ids, kinds, enabled, serialNumbers, topics, tags } = input;
  const awaiting = input.awaitingConfiguration;
  return {
    ...(and && { and: and.map(inner('and')) }),
    ...(or && { or: or.map(inner('or')) }),
    ...(not && { not: inner('not')(not) }),
    ...(ids && { ids: texts('ids', ids).map(enrollmentIdOf) }),
    ...(kinds && { kinds }),
    ...(typeof enabled === 'boolean' && { enabled }),
    ...(serialNumbers && { serialNumbers: texts('serialNumbers', serialNumbers) }),
    ...(topics && { topics: texts('topics', topics) }),
    ...(typeof awaiting === 'boolean' && { awaitingConfiguration: awaiting }),
    ...(tags && { tags: tagsOf(tags) }),
    ...(typeof search === 'string' && searched(search)),
    ...(models && { models: texts('models', models) }),
    ...(osVersion && { osVersion: rangeOf(osVersion, [...path, 'osVersion'], reading.strict) }),
    ...time('lastSeenBefore'),
    ...time('lastSeenAfter'),
    ...time('enrolledBefore'),
    ...time('enrolledAfter'),
    ...time('certificateExpiresBefore'),
    ...(pendingCommands && { pendingCommands: texts('pendingCommands', pendingCommands) }),
    ...(pushStates && { pushStates }),
  };
}

type TimeMember =
  | 'lastSeenBefore'
  | 'lastSeenAfter'
  | 'enrolledBefore'
  | 'enrolledAfter'
  | 'certificateExpiresBefore';

/** @throws {ValidationError} a version that is none */
function rangeOf(range: OsVersionRange, path: readonly string[], strict: boolean) {
  if (strict) demandMembers(range, path);
  for (const [name, version] of Object.entries(range)) {
    if (version === null || /^\d{1,4}(\.\d{1,4}){0,2}$/.test(version)) continue;
    throw new ValidationError('BAD_VERSION', 'A version looks like 14, 14.2 or 10.15.7.', [
      ...path,
      name,
    ]);
  }
  const { atLeast, below } = range;
  return { ...(atLeast && { atLeast }), ...(below && { below }) };
}

function demandMembers(
  input: FilterInput | TagFilterInput | OsVersionRange,
  path: readonly string[],
): void {
  const members = Object.entries(input).filter(([, value]) => value !== undefined);
  if (members.length === 0) {
    throw new ValidationError(
      'EMPTY_FILTER',
      'The filter is empty. To mean every enrolment, say `all: true`.',
      path,
    );
  }
  for (const [name, value] of members) {
    if (value === null) {
      throw new ValidationError('NULL_IN_FILTER', `\`${name}\` is null.`, [...path, name]);
    }
    if (typeof value === 'string' && value.trim() === '') {
      throw new ValidationError('EMPTY_TEXT', `\`${name}\` is empty.`, [...path, name]);
    }
    if (Array.isArray(value) && value.length === 0) {
      throw new ValidationError('EMPTY_LIST', `\`${name}\` is an empty list.`, [...path, name]);
    }
  }
}
