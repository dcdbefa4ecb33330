import { type FSWatcher, readFileSync, watch } from 'node:fs';
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
 * @returns ends the watching
 */
export function followTls(server: Server, files: TlsFiles, log: Log): () => void {
  const reload = (): void => {
    try {
      server.setSecureContext(readTls(files));
      log.info({ cert: files.cert }, 'TLS certificate reloaded');
    } catch (error) {
      log.warn({ err: error }, 'changed TLS files are not used yet');
    }
  };
  const watchers: FSWatcher[] = [files.cert, files.key].map((file) =>
    watch(file, { persistent: false }, reload),
  );
  return () => {
    for (const watcher of watchers) watcher.close();
  };
}
