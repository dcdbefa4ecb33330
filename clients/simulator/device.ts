import { randomBytes, randomUUID } from 'node:crypto';
import { parsePlist } from '../../server/protocol/plist/parse.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import { isPlistDict } from '../../server/protocol/plist/value.ts';
import type { Deliver, MessageKind } from './channel.ts';
import { Channel } from './channel.ts';
import type { ServerAddress } from './deliver.ts';
import { createDeliver } from './deliver.ts';
import type { DeviceFacts } from './facts.ts';
import type { Reply } from './http.ts';
import type { Identity } from './identity.ts';
import { Profiles } from './profiles.ts';
import type { Responder } from './responders.ts';
import { ordinaryResponder } from './responders.ts';
import type { UserOnDevice } from './user-channel.ts';
import { UserChannel, userIdentifiers } from './user-channel.ts';

export interface DeviceOptions {
  readonly facts: DeviceFacts;
  readonly identity: Identity;
  readonly address: ServerAddress;
  /** Told every answer of the server, for statistics. */
  readonly heard?: (kind: MessageKind, reply: Reply) => void;
  /** @default the answers of an ordinary device */
  readonly responder?: Responder;
}

/** A simulated device: it enrols, polls, answers, renews and leaves as Apple's devices do. */
export class Device {
  readonly facts: DeviceFacts;
  /** The device's own channel. */
  readonly channel: Channel;
  readonly profiles = new Profiles();
  /** What a push must be sent to, and what it must carry: for a stand-in of Apple's service. */
  pushToken: Buffer = randomBytes(32);
  pushMagic: string = randomUUID().toUpperCase();
  /** Signs every message from now on; `renew` replaces it. */
  identity: Identity;
  readonly #deliver: Deliver;

  constructor(options: DeviceOptions) {
    const { commonName, certificate } = options.identity;
    this.facts = { ...options.facts, certificates: [{ commonName, der: certificate }] };
    this.identity = options.identity;
    this.#deliver = createDeliver(options.address, () => this.identity, options.heard);
    const responder = options.responder ?? ordinaryResponder(this.facts, this.profiles);
    this.channel = new Channel(deviceIdentifiers(this.facts), this.#deliver, responder);
  }

  /** The id under which the server knows the device. */
  get enrollmentId(): string {
    return this.facts.style === 'device' ? this.facts.udid : this.facts.enrollmentId;
  }

  /** First message of an enrolment. @returns the server's answer, whatever it is */
  authenticate(): Promise<Reply> {
    const { facts } = this;
    return this.channel.checkIn('Authenticate', {
      Topic: facts.topic,
      DeviceName: facts.deviceName,
      Model: facts.model,
      ModelName: facts.modelName,
      ...(facts.style === 'device' && {
        OSVersion: facts.osVersion,
        BuildVersion: facts.buildVersion,
        ProductName: facts.productName,
        SerialNumber: facts.serialNumber,
      }),
    });
  }

  /**
   * Tells where pushes go, which enables the enrolment.
   * @param fields  added or put over: `AwaitingConfiguration`, `UnlockToken`, …
   */
  tokenUpdate(fields: PlistDict = {}): Promise<Reply> {
    return this.channel.checkIn('TokenUpdate', {
      Topic: this.facts.topic,
      Token: this.pushToken,
      PushMagic: this.pushMagic,
      ...(this.facts.style === 'device' && {
        AwaitingConfiguration: this.facts.awaitingConfiguration,
      }),
      ...fields,
    });
  }

  /** Authenticate, then TokenUpdate, each of which must be answered 200. */
  async enrol(): Promise<void> {
    accept('Authenticate', await this.authenticate());
    accept('TokenUpdate', await this.tokenUpdate());
  }

  /**
   * Goes on with a new certificate, in one of the shapes that real renewals have: with an enrolment
   * anew, with a TokenUpdate only, or with no word at all.
   */
  async renew(
    identity: Identity,
    shape: 'authenticate' | 'token-update' | 'silent',
  ): Promise<void> {
    this.identity = identity;
    if (shape === 'authenticate') accept('Authenticate', await this.authenticate());
    if (shape !== 'silent') accept('TokenUpdate', await this.tokenUpdate());
  }

  /** Authenticates with a new certificate, then fails to install the rest, and goes on with the old one. */
  async failRenewal(identity: Identity): Promise<void> {
    const before = this.identity;
    this.identity = identity;
    accept('Authenticate', await this.authenticate());
    this.identity = before;
  }

  /** Enrols anew as after an erase: other push token and magic, profiles gone. */
  async reenrol(identity: Identity): Promise<void> {
    this.identity = identity;
    this.pushToken = randomBytes(32);
    this.pushMagic = randomUUID().toUpperCase();
    this.profiles.clear();
    await this.enrol();
  }

  /** Says that the profile was removed. */
  checkOut(): Promise<Reply> {
    return this.channel.checkIn('CheckOut', { Topic: this.facts.topic });
  }

  setBootstrapToken(token: Buffer): Promise<Reply> {
    return this.channel.checkIn('SetBootstrapToken', { BootstrapToken: token });
  }

  /** @returns the token, or null when the server has none */
  async getBootstrapToken(): Promise<Buffer | null> {
    const reply = accept('GetBootstrapToken', await this.channel.checkIn('GetBootstrapToken', {}));
    const root = reply.body.length > 0 ? parsePlist(reply.body) : undefined;
    const token = isPlistDict(root) ? root['BootstrapToken'] : undefined;
    return token instanceof Uint8Array ? Buffer.from(token) : null;
  }

  /** The channel of a user on this device; it signs with the device's identity. */
  user(user: UserOnDevice): UserChannel {
    const identifiers = userIdentifiers(this.facts, user);
    return new UserChannel(identifiers, this.#deliver, this.channel.responder, this.facts.topic);
  }
}

function deviceIdentifiers(facts: DeviceFacts): PlistDict {
  return facts.style === 'device' ? { UDID: facts.udid } : { EnrollmentID: facts.enrollmentId };
}

/** @throws when the server did not answer 200 */
function accept(message: string, reply: Reply): Reply {
  if (reply.status !== 200) throw new Error(`${message} was answered ${reply.status}`);
  return reply;
}
