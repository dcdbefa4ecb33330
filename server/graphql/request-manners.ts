import { GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { refusal } from './limits.ts';

/**
 * Tells callers what is wrong with their request in the form of every other answer. By itself yoga says
 * nothing about media types but a status, and quotes the JSON parser; and what a subscription holds open
 * it leaves so when nobody can be sent it.
 */
export const requestManners: Plugin = {
  onRequestParse({ request, requestParser, setRequestParser }) {
    const encoding = request.headers.get('content-encoding');
    if (encoding !== null && encoding.toLowerCase() !== 'identity') {
      throw unsupported(`Send the body as it is: \`Content-Encoding: ${encoding}\` is not taken.`);
    }
    if (!requestParser) {
      // Other methods are refused as such.
      if (request.method !== 'POST') return undefined;
      throw unsupported('Send the operation as JSON, with `Content-Type: application/json`.');
    }
    setRequestParser(async (asked) => {
      try {
        return await requestParser(asked);
      } catch (error) {
        throw isNoJson(error) ? malformed('What was sent is not JSON.') : error;
      }
    });
    return {
      onRequestParseDone({ requestParserResult }) {
        if (Array.isArray(requestParserResult)) return;
        const { query } = requestParserResult;
        if (query === undefined || query === null || query === '') {
          throw malformed(
            'There is no operation. Send JSON, as Content-Type: application/json, with its text as `query`.',
          );
        }
      },
    };
  },
  onResultProcess({ result, resultProcessor, setResultProcessor }) {
    if (resultProcessor) return;
    const isStream = Symbol.asyncIterator in result;
    setResultProcessor((unwanted, { Response }) => {
      if (Symbol.asyncIterator in unwanted) void unwanted[Symbol.asyncIterator]().return?.();
      const body = JSON.stringify({ errors: [notAcceptable(isStream)] });
      const headers = { 'Content-Type': 'application/json; charset=utf-8' };
      return new Response(body, { status: 406, headers });
    }, 'application/json');
  },
};

function notAcceptable(isStream: boolean) {
  const message = isStream
    ? 'A subscription is answered with server-sent events: send `Accept: text/event-stream`.'
    : 'The answer is JSON: send `Accept: application/json`, or no Accept at all.';
  return { message, extensions: { code: 'NOT_ACCEPTABLE' } };
}

function unsupported(message: string): GraphQLError {
  return refusal('UNSUPPORTED_MEDIA_TYPE', message, {}, 415);
}

function malformed(message: string): GraphQLError {
  return refusal('BAD_REQUEST', message);
}

/** JSON parsers throw their own in a `GET`; of a body yoga puts it into the extensions of one of its. */
function isNoJson(error: unknown): boolean {
  if (error instanceof GraphQLError) return error.extensions['originalError'] !== undefined;
  return error instanceof SyntaxError;
}
