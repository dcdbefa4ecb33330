import { createHash } from 'node:crypto';
import type { Device } from '../../clients/simulator/device.ts';
import { sharedIpadUserId } from '../../clients/simulator/user-channel.ts';
import { defaultTopic } from '../../clients/simulator/facts.ts';
import { buildCommand } from '../../server/protocol/messages/command.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';

const base64 = (bytes: Buffer) => bytes.toString('base64');

/** The Authenticate that a device once sent elsewhere, as a record. */
export function anAuthenticate(udid: string, fields: PlistDict = {}, more: object = {}) {
  const message = { MessageType: 'Authenticate', UDID: udid, Topic: defaultTopic };
  const raw = buildPlist({ ...message, SerialNumber: `SN-${udid}`, ...fields });
  return { kind: 'authenticate', enrollment: udid, raw: base64(raw), ...more };
}

/** A device's TokenUpdate, as a record. */
export function aTokenUpdate(udid: string, fields: PlistDict = {}, more: object = {}) {
  const token = createHash('sha256').update(udid).digest();
  const message = { MessageType: 'TokenUpdate', UDID: udid, Topic: defaultTopic };
  const raw = buildPlist({ ...message, Token: token, PushMagic: `magic ${udid}`, ...fields });
  const { UserID, UserShortName } = fields;
  const user = UserID === sharedIpadUserId ? UserShortName : UserID;
  const enrollment = typeof user === 'string' ? `${udid}:${user}` : udid;
  return { kind: 'tokenUpdate', enrollment, raw: base64(raw), ...more };
}

/** That a device had a certificate elsewhere. */
export function anAssociation(udid: string, certificate: Buffer, more: object = {}) {
  const sha256 = createHash('sha256').update(certificate).digest('hex');
  return { kind: 'certificateAssociation', enrollment: udid, sha256, ...more };
}

/** A command that was made elsewhere. */
export function aMigratedCommand(
  commandUuid: string,
  more: object = {},
  requestType = 'ProfileList',
) {
  const body = base64(buildCommand(requestType, {}, commandUuid));
  return { kind: 'command', commandUuid, requestType, body, ...more };
}

/** What a simulated device has sent to the server that it comes from. */
export function recordsOf(device: Device, more: { readonly at?: string } = {}): object[] {
  const { facts } = device;
  const about = more.at === undefined ? {} : { at: more.at };
  const push = { Token: device.pushToken, PushMagic: device.pushMagic, Topic: facts.topic };
  return [
    anAuthenticate(facts.udid, { Topic: facts.topic, SerialNumber: facts.serialNumber }, about),
    aTokenUpdate(facts.udid, push, about),
    anAssociation(facts.udid, device.identity.certificate, about),
  ];
}
