import { redact } from '../../catalogue/redact.ts';
import { plistToJson } from '../../model/plist-json.ts';
import { parsePlist } from '../../protocol/plist/parse.ts';
import { isPlistDict, PlistError, type PlistValue } from '../../protocol/plist/value.ts';
import { jsonb } from '../../store/check-ins/jsonb.ts';
import { sections } from './sections.ts';

/** What became of an answer: its inventory as the text of PlistJSON without secrets, or why not. */
export type Decoded = { readonly content: string } | { readonly problem: string };

/** How long the JSON of a section may be, in characters. */
const longest = 4_000_000;

const envelope = ['CommandUUID', 'RequestType', 'Status', 'UDID', 'UserID', 'EnrollmentID'];
const userEnvelope = ['EnrollmentUserID', 'NotOnConsole', 'UserLongName', 'UserShortName'];
const outside: ReadonlySet<string> = new Set([...envelope, ...userEnvelope]);

/** Decodes the part of a device's answer that is inventory. Never throws. */
export function decodeAnswer(bytes: Uint8Array, requestType: string): Decoded {
  const spec = sections[requestType];
  if (spec === undefined) return { problem: `${requestType} is no inventory.` };
  try {
    const answer = parsePlist(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), {
      allowTrailing: true,
      depth: 64,
      values: 200_000,
    });
    // Inventory is for everybody who may read enrolments, so no secret gets in.
    const value = redact(answer, requestType, 'result');
    if (!isPlistDict(value)) return { problem: 'The answer is no dictionary.' };
    const found = spec.root === null ? inside(value) : value[spec.root];
    if (found === undefined) return { problem: `The answer has no ${spec.root}.` };
    const wanted = spec.kind === 'list' ? 'array' : 'dictionary';
    if (wanted === 'array' ? !Array.isArray(found) : !isPlistDict(found)) {
      return { problem: `${spec.root} is no ${wanted}.` };
    }
    const content = jsonb({ found: plistToJson(found) })?.slice(9, -1) ?? 'null';
    if (content.length > longest) return { problem: `The answer is too long for inventory.` };
    return { content };
  } catch (error) {
    if (error instanceof PlistError) return { problem: `No property list: ${error.message}` };
    return { problem: 'The answer could not be decoded.' };
  }
}

function inside(answer: PlistValue): PlistValue {
  if (!isPlistDict(answer)) return answer;
  return Object.fromEntries(Object.entries(answer).filter(([key]) => !outside.has(key)));
}
