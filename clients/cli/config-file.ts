import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { Failure } from './failure.ts';
import type { Io } from './io.ts';

/** What `graphmdm login` keeps. */
export interface Config {
  readonly url: string;
  readonly token: string;
}

/** Where it is kept: `$XDG_CONFIG_HOME/graphmdm/config.json`. */
export function configPath(env: Io['env']): string {
  const base = env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config');
  return join(base, 'graphmdm', 'config.json');
}

/**
 * Reads it.
 * @returns null when there is none
 * @throws {Failure} others may read it, or it is not what `login` writes
 */
export function readConfig(env: Io['env']): Config | null {
  const path = configPath(env);
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  if (mode === undefined) return null;
  // Windows has no such modes: a file in the user's profile is the user's.
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new Failure('CONFIG_READABLE', `Others may read ${path}, and a token is in it.`, {
      advice: `Run \`chmod 600 ${path}\`, and if somebody may have seen it, revoke the token.`,
    });
  }
  const config = parsed(readFileSync(path, 'utf8'));
  if (config) return config;
  throw new Failure('CONFIG_INVALID', `${path} is not what \`graphmdm login\` writes.`, {
    advice: 'Run `graphmdm login` again, or remove the file.',
  });
}

/** Writes it, for its owner alone. @returns its path */
export function writeConfig(env: Io['env'], config: Config): string {
  const path = configPath(env);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  chmodSync(fresh, 0o600);
  renameSync(fresh, path);
  return path;
}

/** Removes it. @returns its path, or null when there was none */
export function removeConfig(env: Io['env']): string | null {
  const path = configPath(env);
  if (!statSync(path, { throwIfNoEntry: false })) return null;
  rmSync(path);
  return path;
}

function parsed(text: string): Config | null {
  try {
    const { url, token } = Object(JSON.parse(text)) as Partial<Record<string, unknown>>;
    return typeof url === 'string' && typeof token === 'string' ? { url, token } : null;
  } catch {
    return null;
  }
}
