import { GraphQLError } from 'graphql';
import { builder } from './builder.ts';
import { plistToJson } from '../server/model/plist-json.ts';

builder.scalarType('DateTime', {
  description: 'A moment in time, RFC 3339 in UTC with milliseconds: `2026-11-23T08:15:30.000Z`.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc3339',
  serialize: (value) => value.toISOString(),
  parseValue(value) {
    const moment = typeof value === 'string' && isDateTime(value) ? new Date(value) : null;
    // PostgreSQL has no year 0, and an offset may lead there.
    if (moment === null || !(moment.getTime() >= firstMoment)) {
      throw new GraphQLError(
        'A DateTime is written like 2026-11-23T08:15:30Z, from the year 1 on.',
      );
    }
    return moment;
  },
});

builder.scalarType('Base64', {
  description: 'Bytes in base64 (RFC 4648, §4).',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc4648#section-4',
  serialize: (value) =>
    Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'),
  parseValue(value) {
    if (
      typeof value !== 'string' ||
      !/^[A-Za-z\d+/]*={0,2}$/.test(value) ||
      value.length % 4 !== 0
    ) {
      throw new GraphQLError('Not base64.');
    }
    return Buffer.from(value, 'base64');
  },
});

builder.scalarType('PlistJSON', {
  description:
    'A property list as JSON that keeps its types: data is `{"$data": "<base64>"}`, a date ' +
    '`{"$date": "<RFC 3339>"}`, an integer beyond 2^53 its digits in a string, and a real that ' +
    'JSON cannot write `{"$real": "nan"}`. A key that begins with `$` gets a second one.',
  serialize: plistToJson,
  parseValue() {
    throw new GraphQLError('PlistJSON is only answered, never taken.');
  },
});

const firstMoment = Date.parse('0001-01-01T00:00:00Z');

function isDateTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(text);
}
