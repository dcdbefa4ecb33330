// What lists are ordered by, written as the indexes of the migration `enrollment_lists` have it: PostgreSQL
// knows an index on an expression only by the same expression. `of` is the alias of an enrolment.

export function serialNumberOf(of: string): string {
  return `coalesce(left(${of}.serial_number, 100), '')`;
}

/** In small letters, as far as they are ASCII. */
export function deviceNameOf(of: string): string {
  return `coalesce(lower(left(${of}.device_name, 100) collate "C"), '')`;
}

export function enrolledAtOf(of: string): string {
  return `coalesce(${of}.enrolled_at, to_timestamp(0))`;
}

export function certificateEndOf(of: string): string {
  return `coalesce(${of}.cert_not_after, to_timestamp(0))`;
}

/** Versions by their numbers: 9.3 < 10.0 < 10.15.7. -1: it begins with no number. */
export function osVersionOf(of: string): string {
  return `coalesce(
      substring(${of}.os_version from '^(\\d{1,4})(?!\\d)')::bigint * 100000000
      + coalesce(substring(${of}.os_version from '^\\d+\\.(\\d{1,4})(?!\\d)')::bigint, 0) * 10000
      + coalesce(substring(${of}.os_version from '^\\d+\\.\\d+\\.(\\d{1,4})(?!\\d)')::bigint, 0), -1)`;
}

/** The number that `osVersionOf` makes of a version; it has one to three numbers below 10,000. */
export function osVersionNumber(version: string): string {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return String(major * 100_000_000 + minor * 10_000 + patch);
}

/** Hours since 1970, as `enrollment_seen_hour` counts them. */
export function hourOf(time: Date): number {
  return Math.floor(time.getTime() / 3_600_000);
}
