import { parsePlist } from '../../protocol/plist/parse.ts';
import { PlistError, type PlistValue, isPlistDict } from '../../protocol/plist/value.ts';

/**
 * Whether an InstallProfile command carries an MDM payload, and so renews the enrolment of a device
 * that has one (`com.apple.mdm.yaml`: an equal PayloadIdentifier updates it). A signed profile is
 * looked into as well: the plist stands unencrypted inside the CMS.
 * @param profile the command's `Payload`
 */
export function renewsMdmProfile(profile: PlistValue | undefined): boolean {
  if (!(profile instanceof Uint8Array)) return false;
  const bytes = Buffer.from(profile.buffer, profile.byteOffset, profile.byteLength);
  const start = bytes.indexOf('<plist');
  const end = bytes.lastIndexOf('</plist>');
  if (start < 0 || end < start) return false;
  try {
    const value = parsePlist(bytes.subarray(start, end + '</plist>'.length));
    const payloads = isPlistDict(value) ? value['PayloadContent'] : undefined;
    return (
      Array.isArray(payloads) &&
      payloads.some((one: PlistValue) => isPlistDict(one) && one['PayloadType'] === 'com.apple.mdm')
    );
  } catch (error) {
    if (error instanceof PlistError) return false;
    throw error;
  }
}
