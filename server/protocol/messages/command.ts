import { ValidationError } from '../../model/errors.ts';
import { buildPlist } from '../plist/build.ts';
import { parsePlist } from '../plist/parse.ts';
import type { PlistDict, PlistValue } from '../plist/value.ts';
import { isPlistDict, PlistError } from '../plist/value.ts';

/** A command as devices get it. */
export interface Command {
  readonly commandUuid: string;
  readonly requestType: string;
  /** The whole property list. */
  readonly value: PlistDict;
}

/** Characters of a CommandUUID and a RequestType. */
const lengthLimit = 255;

/**
 * Reads a command that somebody wants to enqueue: a property list with nothing after it, `CommandUUID`
 * and `Command.RequestType`.
 * @param path  where in the caller's input the bytes stood
 * @throws {ValidationError} NOT_A_PLIST, MISSING_COMMAND_UUID, MISSING_REQUEST_TYPE, WRONG_TYPE, TOO_LONG
 */
export function readCommand(bytes: Buffer, path: readonly string[] = []): Command {
  const value = rootOf(bytes, path);
  const command = value['Command'];
  if (command !== undefined && !isPlistDict(command)) {
    throw new ValidationError('WRONG_TYPE', 'Command is not a dictionary.', path);
  }
  const text = (field: PlistValue | undefined, name: string, missing: string): string => {
    if (field === undefined || field === '') {
      throw new ValidationError(missing, `The command has no ${name}.`, path);
    }
    if (typeof field !== 'string') {
      throw new ValidationError('WRONG_TYPE', `${name} is not a string.`, path);
    }
    if (field.length > lengthLimit) {
      throw new ValidationError(
        'TOO_LONG',
        `${name} is longer than ${lengthLimit} characters.`,
        path,
      );
    }
    return field;
  };
  return {
    commandUuid: text(value['CommandUUID'], 'CommandUUID', 'MISSING_COMMAND_UUID'),
    requestType: text(command?.['RequestType'], 'Command.RequestType', 'MISSING_REQUEST_TYPE'),
    value,
  };
}

/** Writes a command: `fields` beside its RequestType, and the uuid that the device will report with. */
export function buildCommand(requestType: string, fields: PlistDict, commandUuid: string): Buffer {
  return buildPlist({
    Command: { ...fields, RequestType: requestType },
    CommandUUID: commandUuid,
  });
}

function rootOf(bytes: Buffer, path: readonly string[]): PlistDict {
  try {
    const root = parsePlist(bytes);
    if (isPlistDict(root)) return root;
  } catch (error) {
    if (!(error instanceof PlistError)) throw error;
    throw new ValidationError('NOT_A_PLIST', error.message, path);
  }
  throw new ValidationError('WRONG_TYPE', 'The root of the command is not a dictionary.', path);
}
