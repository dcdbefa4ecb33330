import { GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Counter } from '../model/metrics.ts';
import { refusal } from './limits.ts';

/**
 * Refuses requests that are too large, or hold several operations, with codes of ours, and counts them:
 * what yoga says by itself says less, and is seen in no metric.
 * @param bodyLimit  bytes of a body
 */
export function requestLimitPlugin(bodyLimit: number, refused: Counter): Plugin {
  function refuse(code: string, message: string, status: number): GraphQLError {
    refused({ code });
    return refusal(code, message, {}, status);
  }
  const tooLarge = () =>
    refuse('BODY_TOO_LARGE', `The body is too large. At most ${bodyLimit} bytes are taken.`, 413);

  return {
    onRequestParse({ request, requestParser, setRequestParser }) {
      if (Number(request.headers.get('content-length')) > bodyLimit) throw tooLarge();
      if (requestParser) {
        // Yoga counts what comes without its length.
        setRequestParser(async (counted) => {
          try {
            return await requestParser(counted);
          } catch (error) {
            throw isTooLarge(error) ? tooLarge() : error;
          }
        });
      }
      return {
        onRequestParseDone({ requestParserResult }) {
          if (!Array.isArray(requestParserResult)) return;
          const message = 'Several operations in one request are not taken. Send them one by one.';
          throw refuse('BATCHED', message, 400);
        },
      };
    },
  };
}

function isTooLarge(error: unknown): boolean {
  return error instanceof GraphQLError && error.extensions['code'] === 'REQUEST_ENTITY_TOO_LARGE';
}
