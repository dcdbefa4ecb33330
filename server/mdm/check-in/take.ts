import { readCheckIn } from '../../protocol/messages/check-in.ts';
import type { MdmContext } from '../context.ts';
import { authenticate } from './authenticate.ts';
import { getBootstrapToken, setBootstrapToken } from './bootstrap-token.ts';
import { checkOut } from './check-out.ts';
import { type DeclarativeUpstream, declarativeManagement } from './declarative-management.ts';
import { type TokenService, getToken } from './get-token.ts';
import type { Arrival } from './message.ts';
import type { CheckInReply } from './reply.ts';
import { tokenUpdate } from './token-update.ts';
import { userAuthenticate } from './user-authenticate.ts';

/** What an operator may switch on behind the check-ins. */
export interface CheckInServices {
  /** Where declarative management is answered; null when it is nowhere. */
  readonly declarative: DeclarativeUpstream | null;
  /** Who makes the tokens that devices ask for, by TokenServiceType. */
  readonly tokenServices: ReadonlyMap<string, TokenService>;
  /** Answer UserAuthenticate with an empty challenge instead of declining it. */
  readonly zeroLengthChallenge: boolean;
}

/**
 * Takes a check-in message of any kind.
 * @returns the reply, or null for an empty 200
 * @throws {Refusal} the message is wrong, or its certificate is not the enrolment's
 */
export async function takeCheckIn(
  ctx: MdmContext,
  services: CheckInServices,
  arrival: Arrival,
): Promise<CheckInReply | null> {
  const message = readCheckIn(arrival.body);
  switch (message.messageType) {
    case 'Authenticate':
      await authenticate(ctx, message, arrival);
      return null;
    case 'TokenUpdate':
      await tokenUpdate(ctx, message, arrival);
      return null;
    case 'CheckOut':
      await checkOut(ctx, message, arrival);
      return null;
    case 'UserAuthenticate':
      return userAuthenticate(ctx, message, arrival, services.zeroLengthChallenge);
    case 'SetBootstrapToken':
      await setBootstrapToken(ctx, message, arrival);
      return null;
    case 'GetBootstrapToken':
      return getBootstrapToken(ctx, message, arrival);
    case 'DeclarativeManagement':
      return declarativeManagement(ctx, message, arrival, services.declarative);
    case 'GetToken':
      return getToken(ctx, message, arrival, services.tokenServices);
  }
}
