import type { EnrollmentId } from '../../model/enrollment.ts';
import { Refusal } from '../../model/refusal.ts';
import type { PlistDict } from '../plist/value.ts';
import { resolveEnrollmentId } from './enrollment-id.ts';
import {
  booleanField,
  dataField,
  dictField,
  informational,
  informationalFlag,
  messageDict,
  stringField,
} from './fields.ts';

/** What every check-in message says of who sends it. An absent field is undefined. */
export interface CheckInSender {
  readonly enrollment: EnrollmentId;
  readonly udid: string | undefined;
  readonly userId: string | undefined;
  readonly userShortName: string | undefined;
  readonly userLongName: string | undefined;
  readonly enrollmentId: string | undefined;
  readonly enrollmentUserId: string | undefined;
}

/** A device asks to be enrolled. */
export interface Authenticate extends CheckInSender {
  readonly messageType: 'Authenticate';
  readonly topic: string | undefined;
  readonly serialNumber: string | undefined;
  readonly deviceName: string | undefined;
  readonly model: string | undefined;
  readonly modelName: string | undefined;
  readonly productName: string | undefined;
  readonly osVersion: string | undefined;
  readonly buildVersion: string | undefined;
  readonly imei: string | undefined;
  readonly meid: string | undefined;
}

/** A channel says how it is pushed to. */
export interface TokenUpdate extends CheckInSender {
  readonly messageType: 'TokenUpdate';
  readonly topic: string;
  readonly token: Buffer;
  readonly pushMagic: string;
  readonly unlockToken: Buffer | undefined;
  readonly awaitingConfiguration: boolean | undefined;
  readonly notOnConsole: boolean | undefined;
}

/** A device leaves. */
export interface CheckOut extends CheckInSender {
  readonly messageType: 'CheckOut';
  readonly topic: string | undefined;
}

/** A directory user asks to be let in; first without a digest, then with the answer to ours. */
export interface UserAuthenticate extends CheckInSender {
  readonly messageType: 'UserAuthenticate';
  readonly digestResponse: string | undefined;
}

/** A device escrows its bootstrap token, or takes it back (absent or empty). */
export interface SetBootstrapToken extends CheckInSender {
  readonly messageType: 'SetBootstrapToken';
  readonly bootstrapToken: Buffer | undefined;
  readonly awaitingConfiguration: boolean | undefined;
}

/** A device asks for its bootstrap token. */
export interface GetBootstrapToken extends CheckInSender {
  readonly messageType: 'GetBootstrapToken';
  readonly awaitingConfiguration: boolean | undefined;
}

/** A declarative-management request that is carried by a check-in. */
export interface DeclarativeManagement extends CheckInSender {
  readonly messageType: 'DeclarativeManagement';
  readonly endpoint: string | undefined;
  readonly data: Buffer | undefined;
}

/** A device asks for a token of a service. */
export interface GetToken extends CheckInSender {
  readonly messageType: 'GetToken';
  readonly tokenServiceType: string | undefined;
  readonly tokenParameters: PlistDict | undefined;
}

export type CheckIn =
  | Authenticate
  | TokenUpdate
  | CheckOut
  | UserAuthenticate
  | SetBootstrapToken
  | GetBootstrapToken
  | DeclarativeManagement
  | GetToken;

export type MessageType = CheckIn['messageType'];

/**
 * Reads a check-in message, an XML or binary property list with the names of Apple's
 * `mdm/checkin/*.yaml`. What Apple calls required is not demanded, except where nothing could be done
 * without it: the message type, an identifier, and a TokenUpdate's push data.
 * @throws {Refusal} 400: not a property list, no or unknown MessageType, no identifier, a known field
 *   of a wrong type
 */
export function readCheckIn(body: Buffer): CheckIn {
  const dict = messageDict(body);
  const messageType = stringField(dict, 'MessageType') ?? '';
  const read = Object.hasOwn(readers, messageType) ? readers[messageType as MessageType] : null;
  if (read === null) {
    throw new Refusal(400, 'unknown-message-type', 'The message has no known MessageType.');
  }
  return read(dict, senderOf(dict));
}

function senderOf(dict: PlistDict): CheckInSender {
  const UDID = stringField(dict, 'UDID');
  const UserID = stringField(dict, 'UserID');
  const UserShortName = stringField(dict, 'UserShortName');
  const EnrollmentID = stringField(dict, 'EnrollmentID');
  const EnrollmentUserID = stringField(dict, 'EnrollmentUserID');
  return {
    enrollment: resolveEnrollmentId({
      UDID,
      UserID,
      UserShortName,
      EnrollmentID,
      EnrollmentUserID,
    }),
    udid: UDID,
    userId: UserID,
    userShortName: UserShortName,
    userLongName: stringField(dict, 'UserLongName'),
    enrollmentId: EnrollmentID,
    enrollmentUserId: EnrollmentUserID,
  };
}

const readers: Readonly<Record<MessageType, (dict: PlistDict, sender: CheckInSender) => CheckIn>> =
  {
    Authenticate: (dict, sender) => ({
      ...sender,
      messageType: 'Authenticate',
      topic: stringField(dict, 'Topic'),
      serialNumber: stringField(dict, 'SerialNumber'),
      deviceName: informational(dict, 'DeviceName'),
      model: informational(dict, 'Model'),
      modelName: informational(dict, 'ModelName'),
      productName: informational(dict, 'ProductName'),
      osVersion: informational(dict, 'OSVersion'),
      buildVersion: informational(dict, 'BuildVersion'),
      imei: informational(dict, 'IMEI'),
      meid: informational(dict, 'MEID'),
    }),
    TokenUpdate: (dict, sender) => ({
      ...sender,
      messageType: 'TokenUpdate',
      topic: needed(stringField(dict, 'Topic'), 'Topic'),
      token: needed(dataField(dict, 'Token'), 'Token'),
      pushMagic: needed(stringField(dict, 'PushMagic'), 'PushMagic'),
      unlockToken: dataField(dict, 'UnlockToken'),
      awaitingConfiguration: booleanField(dict, 'AwaitingConfiguration'),
      notOnConsole: informationalFlag(dict, 'NotOnConsole'),
    }),
    CheckOut: (dict, sender) => ({
      ...sender,
      messageType: 'CheckOut',
      topic: stringField(dict, 'Topic'),
    }),
    UserAuthenticate: (dict, sender) => ({
      ...sender,
      messageType: 'UserAuthenticate',
      digestResponse: stringField(dict, 'DigestResponse'),
    }),
    SetBootstrapToken: (dict, sender) => ({
      ...sender,
      messageType: 'SetBootstrapToken',
      bootstrapToken: dataField(dict, 'BootstrapToken'),
      awaitingConfiguration: booleanField(dict, 'AwaitingConfiguration'),
    }),
    GetBootstrapToken: (dict, sender) => ({
      ...sender,
      messageType: 'GetBootstrapToken',
      awaitingConfiguration: booleanField(dict, 'AwaitingConfiguration'),
    }),
    DeclarativeManagement: (dict, sender) => ({
      ...sender,
      messageType: 'DeclarativeManagement',
      endpoint: stringField(dict, 'Endpoint'),
      data: dataField(dict, 'Data'),
    }),
    GetToken: (dict, sender) => ({
      ...sender,
      messageType: 'GetToken',
      tokenServiceType: stringField(dict, 'TokenServiceType'),
      tokenParameters: dictField(dict, 'TokenParameters'),
    }),
  };

/** A TokenUpdate without these could never be pushed to (NanoMDM refuses it, too). */
function needed<T extends string | Buffer>(value: T | undefined, key: string): T {
  if (value === undefined || value.length === 0) {
    throw new Refusal(400, 'missing-field', `The TokenUpdate has no ${key}.`);
  }
  return value;
}
