import type { Who } from './who.ts';

/**
 * A report as a device sends it, for those of which the server keeps nothing but that they came: polls,
 * and commands put off.
 */
export function reportPlist(who: Who, status: string, commandUuid: string | null): Buffer {
  const { ids, udid, enrollment_id: enrollmentId } = who;
  const user = ids.parent_id === undefined ? null : ids.id.slice(ids.parent_id.length + 1);
  const isShared = ids.type === 'Shared iPad';
  const fields: readonly (readonly [string, string | null | undefined])[] = [
    ['CommandUUID', commandUuid],
    ['EnrollmentID', enrollmentId],
    ['EnrollmentUserID', enrollmentId === undefined ? null : user],
    ['Status', status],
    ['UDID', udid],
    ['UserID', udid === undefined || user === null ? null : isShared ? sharedUserId : user],
    ['UserShortName', isShared ? user : null],
  ];
  const lines = fields.flatMap(([key, value]) =>
    typeof value === 'string' ? `\t<key>${key}</key>\n\t<string>${escaped(value)}</string>\n` : [],
  );
  return Buffer.from(
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
      '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n' +
      `<plist version="1.0">\n<dict>\n${lines.join('')}</dict>\n</plist>\n`,
  );
}

/** What a shared iPad says for every user's id. */
const sharedUserId = 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF';

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
