import { usage } from './failure.ts';

/**
 * Reads a flag's value as a JSON object.
 * @throws {Failure} it is none
 */
export function jsonObject(flag: string, text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch {
    // Said below.
  }
  throw usage(`--${flag} is no JSON object.`, `Quote it: --${flag} '{"enabled": true}'.`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
