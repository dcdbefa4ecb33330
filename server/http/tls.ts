import { type FSWatcher, readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import { createSecureContext, type SecureContextOptions, type Server } from 'node:tls';
import { StartupError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';

/** The server's own TLS. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Ask devices for their certificate; it is judged by our own rules, not by TLS. */
  readonly clientAuth: boolean;
}

/**
 * Reads certificate and key.
 * @throws {StartupError} one cannot be read, or they do not belong together
 */
export function readTls(files: TlsFiles): SecureContextOptions {
  try {
    const context = { cert: readFileSync(files.cert), key: readFileSync(files.key) };
    createSecureContext(context);
    return context;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartupError(`--tls-cert and --tls-key cannot be used: ${why}`);
  }
}

/**
 * Uses renewed files from the next connection on. Files that do not fit (yet) are left aside with a
 * warning: tools write the two one after the other.
 *
 * Their folders are watched, not the files: tools put a new file in place of the old one (or turn a
 * symbolic link), and who watches a file sees only the end of the old one.
 * @returns ends the watching
 */
export function followTls(server: Server, files: TlsFiles, log: Log): () => void {
  let tried = contents(files);
  const reload = (): void => {
    const now = contents(files);
    if (now === null || now === tried) return;
    tried = now;
    try {
      server.setSecureContext(readTls(files));
      log.info({ cert: files.cert }, 'TLS certificate reloaded');
    } catch (error) {
      log.warn({ err: error }, 'changed TLS files are not used yet');
    }
  };
  const folders = new Set([dirname(files.cert), dirname(files.key)]);
  const watchers: FSWatcher[] = [...folders].map((folder) =>
    watch(folder, { persistent: false }, reload).on('error', (error) =>
      log.warn({ err: error, folder }, 'changes of the TLS files are not noticed any more'),
    ),
  );
  return () => {
    for (const watcher of watchers) watcher.close();
  };
}

/** Both files as one text, to see a change by; null while one of them is away. */
function contents({ cert, key }: TlsFiles): string | null {
  try {
    return `${readFileSync(cert, 'latin1')}\0${readFileSync(key, 'latin1')}`;
  } catch {
    return null;
  }
}
