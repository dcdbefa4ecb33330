import type { EnrollmentFilterInput } from '../../generated/gql/graphql.ts';
import type { Flags, Values } from './command.ts';
import { usage } from './failure.ts';
import { jsonObject } from './json.ts';
import { timeOf } from './times.ts';

/** Flags that say which enrolments; all that are given have to hold. */
export const filterFlags = {
  enabled: { type: 'switch', what: 'only those that commands are delivered to' },
  disabled: { type: 'switch', what: 'only those that have left' },
  serial: { type: 'list', value: 'SERIAL', what: 'only with one of these serial numbers' },
  tag: { type: 'list', value: 'TAG', what: 'only with all of these tags' },
  'any-tag': { type: 'list', value: 'TAG', what: 'only with one of these tags' },
  'without-tag': { type: 'list', value: 'TAG', what: 'only with none of these tags' },
  topic: { type: 'list', value: 'TOPIC', what: 'only of one of these push topics' },
  model: { type: 'list', value: 'MODEL', what: 'only of one of these models' },
  search: {
    type: 'text',
    value: 'TEXT',
    what: 'only what begins so, or has it inside (docs/lists.md): name, serial number, id',
  },
  'seen-since': { type: 'text', value: 'TIME', what: 'only what was heard of since' },
  'not-seen-since': { type: 'text', value: 'TIME', what: 'only what was not heard of since' },
  filter: {
    type: 'text',
    value: 'JSON',
    what: 'an EnrollmentFilterInput, as the graph takes it, for everything else',
  },
} as const satisfies Flags;

/**
 * The filter that the flags say.
 * @returns undefined when they say nothing
 * @throws {Failure} they cannot hold together, or the JSON is none
 */
export function filterOf(flags: Values<typeof filterFlags>): EnrollmentFilterInput | undefined {
  const { enabled, disabled, serial, tag, topic, model, search } = flags;
  const { 'any-tag': anyTag, 'without-tag': withoutTag } = flags;
  if (enabled && disabled) throw usage('Nothing is both --enabled and --disabled.');
  const seen = timeOf('seen-since', flags['seen-since'], 'past');
  const notSeen = timeOf('not-seen-since', flags['not-seen-since'], 'past');
  const tags = {
    ...(tag.length > 0 && { all: tag }),
    ...(anyTag.length > 0 && { any: anyTag }),
    ...(withoutTag.length > 0 && { none: withoutTag }),
  };
  const simple: EnrollmentFilterInput = {
    ...((enabled || disabled) && { enabled }),
    ...(serial.length > 0 && { serialNumbers: serial }),
    ...(topic.length > 0 && { topics: topic }),
    ...(Object.keys(tags).length > 0 && { tags }),
    ...(model.length > 0 && { models: model }),
    ...(search !== undefined && { search }),
    ...(seen && { lastSeenAfter: seen }),
    ...(notSeen && { lastSeenBefore: notSeen }),
  };
  const isEmpty = Object.keys(simple).length === 0;
  if (flags.filter === undefined) return isEmpty ? undefined : simple;
  // The server knows what may stand in it, and says so.
  const written: EnrollmentFilterInput = jsonObject('filter', flags.filter);
  return isEmpty ? written : { and: [written, simple] };
}
