import { usage } from './failure.ts';

const units: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400 };

/**
 * Reads a point in time, such as `2027-01-31`, `2027-01-31T12:00:00Z` or `7d` from now, or before now.
 * @returns RFC 3339; undefined when the flag was not given
 * @throws {Failure} it is neither
 */
export function timeOf(
  flag: string,
  text: string | undefined,
  direction: 'future' | 'past' = 'future',
): string | undefined {
  if (text === undefined) return undefined;
  const [, count, unit = ''] = /^(\d+)([mhd])$/.exec(text) ?? [];
  const ahead = Number(count) * (units[unit] ?? 0) * 1000;
  const now = Date.now();
  const then = direction === 'future' ? now + ahead : now - ahead;
  const time = count === undefined ? Date.parse(text) : then;
  if (Number.isNaN(time) || Math.abs(time) > 8.64e15) {
    throw usage(`--${flag} is a time, such as 2027-01-31T12:00:00Z, or 7d, 12h or 30m.`);
  }
  return new Date(time).toISOString();
}
