import type { EnrollmentId } from '../../model/enrollment.ts';
import { Refusal } from '../../model/refusal.ts';
import { shortText } from '../../model/short-text.ts';
import type { GetToken } from '../../protocol/messages/check-in.ts';
import { buildPlist } from '../../protocol/plist/build.ts';
import type { PlistDict } from '../../protocol/plist/value.ts';
import type { MdmContext } from '../context.ts';
import { keepCheckIn } from './keep.ts';
import type { Arrival } from './message.ts';
import { type CheckInReply, plistReply } from './reply.ts';

/** A device's wish for a token, proved to be the enrolment's. */
export interface TokenRequest {
  readonly enrollment: EnrollmentId;
  readonly tokenServiceType: string;
  readonly tokenParameters: PlistDict | null;
  readonly traceId: string;
}

/**
 * Makes tokens of one service.
 * @returns the token's bytes
 * @throws {Refusal} 502 when it cannot
 */
export type TokenService = (request: TokenRequest) => Promise<Buffer>;

/**
 * A device asks for a token of a service (`com.apple.maid`, `com.apple.watch.pairing`).
 * @throws {Refusal} 400 when the request names no service or lacks what the service needs; 409 when
 * the certificate is not the enrolment's; 500 when nobody makes such tokens here
 */
export async function getToken(
  ctx: MdmContext,
  message: GetToken,
  arrival: Arrival,
  services: ReadonlyMap<string, TokenService>,
): Promise<CheckInReply> {
  const { tokenServiceType, tokenParameters } = message;
  if (tokenServiceType === undefined || tokenServiceType === '') {
    throw new Refusal(400, 'no-token-service', 'GetToken names no TokenServiceType');
  }
  if (tokenServiceType === 'com.apple.watch.pairing' && tokenParameters === undefined) {
    throw new Refusal(400, 'no-token-parameters', 'a pairing token needs TokenParameters');
  }
  await keepCheckIn(ctx, message, arrival, {
    messageType: 'GetToken',
    eventType: 'GetTokenReceived',
    data: () => ({ tokenServiceType: shortText(tokenServiceType) }),
    effect: async () => {},
  });
  const service = services.get(tokenServiceType);
  if (service === undefined) {
    throw new Refusal(
      500,
      'no-token-service',
      `no --get-token-url answers for ${tokenServiceType}`,
    );
  }
  const token = await service({
    enrollment: message.enrollment,
    tokenServiceType,
    tokenParameters: tokenParameters ?? null,
    traceId: arrival.traceId,
  });
  return plistReply(buildPlist({ TokenData: token }));
}
