import { encodeGlobalID } from '@pothos/plugin-relay';

const nodeTypes = ['DeviceEnrollment', 'UserChannel'];

/** How their global ids begin: `DeviceEnrollment:` and `UserChannel:` in base64. */
const beginning = /^(?:RGV2aWNlRW5yb2xsbWVudD|VXNlckNoYW5uZWw6)/;

/** Takes an enrolment's global id or its natural one, and answers the natural one. */
export function enrollmentIdOf(id: string): string {
  // Requests bring ids by the ten thousand, and most are natural ones.
  if (!beginning.test(id)) return id;
  const decoded = Buffer.from(id, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  const [typename, natural] = [decoded.slice(0, colon), decoded.slice(colon + 1)];
  // A natural id may be base64 by chance; only what comes out the same again is one of ours.
  const isGlobal = nodeTypes.includes(typename) && encodeGlobalID(typename, natural) === id;
  return isGlobal ? natural : id;
}
