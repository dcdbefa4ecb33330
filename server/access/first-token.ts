import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientBase } from 'pg';
import { StartupError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { everyScope } from '../model/viewer.ts';
import { hashToken, newToken } from '../secrets/token.ts';
import { ensureToken, hasTokens } from '../store/first-token.ts';

/** Where a new token is told: a terminal, or a file that only its owner reads. */
export interface TokenTeller {
  readonly dataDir: string;
  /** Writes to the operator's terminal, or null when there is none. */
  readonly terminal: ((text: string) => void) | null;
  readonly log: Log;
}

/**
 * Sees to it that somebody can use the graph: the configured token exists, or, on a database without
 * any token, a new one is made and told once. Runs under the migration lock, so that of several first
 * starts one makes it. A token never goes through the log.
 * @param configured what `--admin-token` says, or null
 */
export async function ensureFirstToken(
  client: ClientBase,
  configured: string | null,
  teller: TokenTeller,
): Promise<void> {
  if (configured !== null) {
    await ensureToken(client, {
      name: 'admin',
      sha256: hashToken(configured),
      scopes: [everyScope],
    });
    return;
  }
  if (await hasTokens(client)) return;
  const token = newToken();
  await ensureToken(client, { name: 'admin', sha256: hashToken(token), scopes: [everyScope] });
  tell(token, teller);
}

function tell(token: string, { dataDir, terminal, log }: TokenTeller): void {
  if (terminal !== null) {
    terminal(`\nYour admin token, shown this once:\n\n  ${token}\n\n`);
    return;
  }
  const file = join(dataDir, 'admin-token');
  try {
    writeFileSync(file, `${token}\n`, { mode: 0o600 });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartupError(
      `The first admin token cannot be written to ${file}: ${why}. Give --data-dir a folder that can ` +
        'be written, or a token of your own with --admin-token-file.',
    );
  }
  log.info({ file }, 'made the first admin token; it is in this file');
}
