import { payloadKeys, requestTypes } from '../../server/catalogue/commands.ts';
import type { PlistDict, PlistValue } from '../../server/protocol/plist/value.ts';
import { plausibleResponse } from './plausible.ts';
import type { DeviceFacts } from './facts.ts';
import type { Profiles } from './profiles.ts';
import { deviceInformation, securityInfo } from './inventory.ts';

/** A command as it arrived. */
export interface ReceivedCommand {
  readonly uuid: string;
  /** Empty when the command names none. */
  readonly requestType: string;
  /** The command's dictionary, RequestType included. */
  readonly payload: PlistDict;
  /** The bytes, to compare with what was enqueued. */
  readonly raw: Buffer;
}

/** What a device reports about a command. */
export interface Answer {
  readonly status: 'Acknowledged' | 'Error' | 'CommandFormatError' | 'NotNow';
  readonly response?: PlistDict;
  readonly errors?: readonly PlistDict[];
}

export type Responder = (command: ReceivedCommand) => Answer;

/** An Error as devices send it: domain, code and text, in the shape of an ErrorChain. */
export function errorAnswer(code: number, text: string, domain = 'MCMDMErrorDomain'): Answer {
  const link = {
    ErrorCode: code,
    ErrorDomain: domain,
    LocalizedDescription: text,
    USEnglishDescription: text,
  };
  return { status: 'Error', errors: [link] };
}

function acknowledged(response: PlistDict = {}): Answer {
  return { status: 'Acknowledged', response };
}

const known: ReadonlySet<string> = new Set(requestTypes);

/**
 * The answers of an ordinary device: inventory from its facts, profiles as they were installed, and
 * for every other command of Apple's schema an answer of the shape that the schema gives. A command
 * without a required key is a CommandFormatError, one of unknown type an Error.
 */
export function ordinaryResponder(facts: DeviceFacts, profiles: Profiles): Responder {
  return ({ requestType, payload }) => {
    if (requestType === '') return { status: 'CommandFormatError' };
    if (!known.has(requestType)) {
      return errorAnswer(12_021, `“${requestType}” is not a valid request type.`);
    }
    const missing = payloadKeys(requestType).filter(
      ({ key, required }) => required && payload[key] === undefined,
    );
    if (missing.length > 0) return { status: 'CommandFormatError' };
    switch (requestType) {
      case 'DeviceInformation':
        return acknowledged({ QueryResponses: deviceInformation(facts, payload['Queries']) });
      case 'SecurityInfo':
        return acknowledged({ SecurityInfo: securityInfo(facts) });
      case 'CertificateList':
        return acknowledged({ CertificateList: certificateList(facts) });
      case 'ProfileList':
        return acknowledged({ ProfileList: profiles.list() });
      case 'InstallProfile':
        return profiles.install(payload['Payload'])
          ? acknowledged()
          : { status: 'CommandFormatError' };
      case 'RemoveProfile':
        return profiles.remove(payload['Identifier'])
          ? acknowledged()
          : errorAnswer(12_075, 'The profile is not installed.');
      case 'InstalledApplicationList':
        return acknowledged({ InstalledApplicationList: applications(payload['Identifiers']) });
      default:
        return acknowledged(plausibleResponse(requestType, facts.platform));
    }
  };
}

/** Says NotNow to the first `times` commands that `matches` takes, as a locked device does. */
export function notNowFirst(
  times: number,
  then: Responder,
  matches: (command: ReceivedCommand) => boolean = () => true,
): Responder {
  let left = times;
  return (command) => {
    if (left <= 0 || !matches(command)) return then(command);
    left -= 1;
    return { status: 'NotNow' };
  };
}

function certificateList(facts: DeviceFacts): PlistValue {
  return facts.certificates.map(({ commonName, der }) => ({
    CommonName: commonName,
    IsIdentity: true,
    Data: der,
  }));
}

const installed = [
  {
    Identifier: 'com.example.notes',
    Name: 'Notes',
    Version: '12',
    ShortVersion: '1.2',
    BundleSize: 7_340_032,
  },
  {
    Identifier: 'com.example.maps',
    Name: 'Maps',
    Version: '40',
    ShortVersion: '4.0',
    BundleSize: 31_457_280,
  },
];

function applications(identifiers: PlistValue | undefined): PlistValue {
  if (!Array.isArray(identifiers)) return installed;
  return installed.filter(({ Identifier }) => identifiers.includes(Identifier));
}
