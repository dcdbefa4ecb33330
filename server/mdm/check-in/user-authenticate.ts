import { isUserChannel } from '../../model/enrollment.ts';
import { Refusal } from '../../model/refusal.ts';
import { shortText } from '../../model/short-text.ts';
import type { UserAuthenticate } from '../../protocol/messages/check-in.ts';
import { buildPlist } from '../../protocol/plist/build.ts';
import type { MdmContext } from '../context.ts';
import { keepCheckIn } from './keep.ts';
import type { Arrival } from './message.ts';
import { type CheckInReply, plistReply } from './reply.ts';

const declined: CheckInReply = {
  status: 410,
  contentType: 'text/plain; charset=utf-8',
  body: Buffer.from('Gone\n'),
};

/**
 * A user of a directory asks for a channel. Declined with 410 unless the operator switched on the
 * empty challenge, which lets everybody in whom the device itself has let in. Both steps are kept.
 * @throws {Refusal} 400 without a user; 409 when the certificate is not the device's
 */
export async function userAuthenticate(
  ctx: MdmContext,
  message: UserAuthenticate,
  arrival: Arrival,
  zeroLengthChallenge: boolean,
): Promise<CheckInReply | null> {
  if (!isUserChannel(message.enrollment.kind)) {
    throw new Refusal(400, 'no-user', 'UserAuthenticate names no user');
  }
  const answersChallenge =
    message.digestResponse !== undefined && message.digestResponse.length > 0;
  const declines = !zeroLengthChallenge && !answersChallenge;
  await keepCheckIn(ctx, message, arrival, {
    messageType: 'UserAuthenticate',
    eventType: 'UserAuthenticateReceived',
    data: () => ({
      step: answersChallenge ? 'DIGEST' : 'REQUEST',
      declined: declines,
      userEnrollmentId: shortText(message.enrollment.id, 800),
    }),
    effect: async () => {},
  });
  if (declines) return declined;
  return answersChallenge ? null : plistReply(buildPlist({ DigestChallenge: '' }));
}
