import { Refusal } from '../../model/refusal.ts';
import { parsePlist } from '../plist/parse.ts';
import type { PlistDict, PlistLimits, PlistValue } from '../plist/value.ts';
import { isPlistDict, PlistError } from '../plist/value.ts';

/** Devices' messages may carry anything behind the root, as NanoMDM has it. */
export const deviceLimits: PlistLimits = { allowTrailing: true };

/** Reads a device's message, whose root must be a dictionary. @throws {Refusal} 400 */
export function messageDict(body: Buffer): PlistDict {
  return refusing(() => {
    const root = parsePlist(body, deviceLimits);
    if (!isPlistDict(root)) throw new PlistError('wrong-type', 'The root is not a dictionary.');
    return root;
  });
}

/** Runs a reader of device messages, whose PlistError becomes a refusal. @throws {Refusal} 400 */
export function refusing<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof PlistError)) throw error;
    const code = error.code === 'wrong-type' ? 'wrong-type' : 'bad-plist';
    throw new Refusal(400, code, `${error.message} (${error.code})`);
  }
}

/** A field that NanoMDM knows too: absent, or of its type. @throws {Refusal} 400 `wrong-type` */
export function stringField(dict: PlistDict, key: string): string | undefined {
  const value = dict[key];
  if (value === undefined || typeof value === 'string') return value;
  throw wrongType(key, 'string');
}

/** As `stringField`, for true and false. @throws {Refusal} 400 `wrong-type` */
export function booleanField(dict: PlistDict, key: string): boolean | undefined {
  const value = dict[key];
  if (value === undefined || typeof value === 'boolean') return value;
  throw wrongType(key, 'boolean');
}

/** As `stringField`, for data. @throws {Refusal} 400 `wrong-type` */
export function dataField(dict: PlistDict, key: string): Buffer | undefined {
  const value = dict[key];
  if (value === undefined) return undefined;
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  throw wrongType(key, 'data');
}

/** As `stringField`, for a dictionary. @throws {Refusal} 400 `wrong-type` */
export function dictField(dict: PlistDict, key: string): PlistDict | undefined {
  const value = dict[key];
  if (value === undefined || isPlistDict(value)) return value;
  throw wrongType(key, 'dictionary');
}

/** A string that only informs: of another type, it counts as absent and stays in the raw message. */
export function informational(dict: PlistDict, key: string): string | undefined {
  const value: PlistValue | undefined = dict[key];
  return typeof value === 'string' ? value : undefined;
}

/** As `informational`, for true and false. */
export function informationalFlag(dict: PlistDict, key: string): boolean | undefined {
  const value: PlistValue | undefined = dict[key];
  return typeof value === 'boolean' ? value : undefined;
}

function wrongType(key: string, type: string): Refusal {
  return new Refusal(400, 'wrong-type', `${key} is not of type ${type}.`);
}
