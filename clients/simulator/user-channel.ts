import { randomBytes, randomUUID } from 'node:crypto';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import type { Deliver } from './channel.ts';
import { Channel } from './channel.ts';
import type { DeviceFacts } from './facts.ts';
import type { Reply } from './http.ts';
import type { Responder } from './responders.ts';

/** A user on a device. On a Shared iPad all have one id and differ by short name. */
export interface UserOnDevice {
  readonly shortName: string;
  readonly longName: string;
  /** Their id: UserID, or EnrollmentUserID on a user enrolment. Not told on a Shared iPad. */
  readonly id: string;
  readonly sharedIpad?: boolean;
}

/** The UserID that every user of a Shared iPad has (Apple, TokenUpdate). */
export const sharedIpadUserId = 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF';

/** What a user's messages carry to say whose they are. */
export function userIdentifiers(facts: DeviceFacts, user: UserOnDevice): PlistDict {
  const names = { UserShortName: user.shortName, UserLongName: user.longName };
  if (facts.style === 'user-enrollment') {
    return { EnrollmentID: facts.enrollmentId, EnrollmentUserID: user.id, ...names };
  }
  if (user.sharedIpad) {
    return { UDID: facts.udid, UserID: sharedIpadUserId, UserShortName: user.shortName };
  }
  return { UDID: facts.udid, UserID: user.id, ...names };
}

/** A user's own channel: own push token, own queue. */
export class UserChannel extends Channel {
  pushToken: Buffer = randomBytes(32);
  pushMagic: string = randomUUID().toUpperCase();
  readonly #topic: string;

  constructor(identifiers: PlistDict, deliver: Deliver, responder: Responder, topic: string) {
    super(identifiers, deliver, responder);
    this.#topic = topic;
  }

  /** Enables the channel. */
  tokenUpdate(fields: PlistDict = {}): Promise<Reply> {
    return this.checkIn('TokenUpdate', {
      Topic: this.#topic,
      Token: this.pushToken,
      PushMagic: this.pushMagic,
      ...fields,
    });
  }

  /** Asks for management of a network user; with a digest, proves it. */
  userAuthenticate(digestResponse?: string): Promise<Reply> {
    const fields = digestResponse === undefined ? {} : { DigestResponse: digestResponse };
    return this.checkIn('UserAuthenticate', fields);
  }
}
