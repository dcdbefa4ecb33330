import { buildCommand } from '../../server/protocol/messages/command.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';

/** A harmless command; a uuid is unique within a server, so tests name theirs after their device. */
export function aCommand(
  uuid: string,
  requestType = 'ProfileList',
  fields: PlistDict = {},
): string {
  return buildCommand(requestType, fields, uuid).toString('utf8');
}

/** An InstallProfile that updates a device's MDM profile, as a renewal under a foreign CA does. */
export function aRenewal(uuid: string): string {
  const profile = buildPlist({
    PayloadType: 'Configuration',
    PayloadIdentifier: 'com.example.mdm',
    PayloadUUID: uuid,
    PayloadVersion: 1,
    PayloadContent: [
      { PayloadType: 'com.apple.mdm', PayloadIdentifier: 'com.example.mdm.mdm', PayloadUUID: uuid },
    ],
  });
  return aCommand(uuid, 'InstallProfile', { Payload: profile });
}
