import { type TokenRequest, type TokenService } from '../mdm/check-in/get-token.ts';
import type { Log } from '../model/log.ts';
import { Refusal } from '../model/refusal.ts';
import { enrollmentHeaders } from './enrollment-headers.ts';

/**
 * Asks a server of the operator's for the tokens of one service: a POST of
 * `{ "tokenServiceType", "tokenParameters" }` with the enrolment in headers; the answer's body is the
 * token, as it is.
 * @param timeout milliseconds for the whole of the answer
 */
export function createTokenService(url: URL, log: Log, timeout = 30_000): TokenService {
  return async (request: TokenRequest) => {
    const { enrollment, tokenServiceType, tokenParameters, traceId } = request;
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          ...enrollmentHeaders(enrollment),
          'X-Trace-ID': traceId,
          'Content-Type': 'application/json',
        },
        body: JSON.stringify({ tokenServiceType, tokenParameters }),
        redirect: 'manual',
        signal: AbortSignal.timeout(timeout),
      });
      const body = Buffer.from(await response.arrayBuffer());
      if (response.status === 200) return body;
      log.error({ traceId, status: response.status, tokenServiceType }, 'token service refused');
    } catch (error) {
      log.error({ traceId, err: error, tokenServiceType }, 'token service did not answer');
    }
    throw new Refusal(502, 'token-service', `no token of ${tokenServiceType} could be had`);
  };
}
