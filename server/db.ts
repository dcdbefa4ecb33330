import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseSettings } from './config.ts';
import { StartupError } from './model/errors.ts';
import { silentLog } from './model/log.ts';
import { backUp, restore } from './store/copy/backup.ts';
import { type Copied, copyDatabase } from './store/copy/copy.ts';
import { isUrl, openCopyEnd } from './store/copy/open.ts';
import { demandMigrated, migrate } from './store/migrate.ts';
import { migrationsFolder } from './store/package-root.ts';
import { addSearchIndex } from './store/search-index.ts';
import type { Pool } from 'pg';

// Moves and keeps whole databases.

const usage = `usage: npm run db -- copy --from PLACE --to PLACE
       npm run db -- backup FILE [--from PLACE]
       npm run db -- restore FILE [--to PLACE]
       npm run db -- search-inside [--in PLACE]

PLACE is a data folder with its embedded database, such as ./data, or a postgresql:// URL. Left out, it
is the one that --data-dir or DATABASE_URL names, as for the server.

  copy      everything into an empty database, servers stopped; devices, tokens and cursors go on
  backup    everything as it is now into a new file; servers may run
  restore   a backup into an empty database, servers stopped; its events begin a new stream
  search-inside
            puts the extension pg_trgm into it, and makes the index by which \`search\` finds what stands
            inside texts; servers may run`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      from: { type: 'string' },
      to: { type: 'string' },
      in: { type: 'string' },
      'data-dir': { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const [command, file, ...more] = positionals;
  if (values.help === true) {
    console.log(usage);
    return 0;
  }
  const { from, to } = values;
  const other = () => usualPlace(values['data-dir']);
  if (command === 'copy' && file === undefined && from !== undefined && to !== undefined) {
    await copy(from, to);
  } else if (command === 'backup' && file !== undefined && more.length === 0) {
    await keep(file, from ?? other());
  } else if (command === 'restore' && file !== undefined && more.length === 0) {
    await bringBack(file, to ?? other());
  } else if (command === 'search-inside' && file === undefined) {
    await searchInside(values.in ?? other());
  } else {
    throw new StartupError(usage);
  }
  return 0;
}

async function copy(from: string, to: string): Promise<void> {
  if (from === to) throw new StartupError('--from and --to are the same place.');
  await using(from, (source) =>
    using(to, async (target) => {
      await demandMigrated(source, migrationsFolder());
      await migrate(target, migrationsFolder(), { log: silentLog });
      tell('Copied', await copyDatabase(source, target), to);
    }),
  );
  if (!isUrl(from))
    console.error(`Unless you gave another, the key is ${join(from, 'secret.key')}.`);
}

async function keep(file: string, from: string): Promise<void> {
  await using(from, async (source) => {
    const migration = await demandMigrated(source, migrationsFolder());
    tell('Backed up', await backUp(source, file, migration, new Date()), file);
  });
  console.error('The key is not in the backup: keep a copy of it apart from this file.');
}

async function bringBack(file: string, to: string): Promise<void> {
  await using(to, async (target) => {
    await migrate(target, migrationsFolder(), { log: silentLog });
    const migration = await demandMigrated(target, migrationsFolder());
    tell('Restored', await restore(target, file, migration), to);
  });
}

async function searchInside(place: string): Promise<void> {
  await using(place, async (pool) => {
    await demandMigrated(pool, migrationsFolder());
    console.error(
      (await addSearchIndex(pool))
        ? 'Search finds what stands inside texts from now on.'
        : 'The index is there already, or a server is making it.',
    );
  });
}

async function using(place: string, work: (pool: Pool) => Promise<void>): Promise<void> {
  const end = await openCopyEnd(place, silentLog);
  try {
    await work(end.pool);
  } finally {
    await end.close();
  }
}

function tell(what: string, { tally, keyIds }: Copied, place: string): void {
  const tables = Object.values(tally);
  const rows = tables.reduce((sum, { count }) => sum + count, 0);
  const where = isUrl(place) ? 'the server' : place;
  console.error(`${what}: ${rows} rows of ${tables.length} tables, ${where}; checksums are equal.`);
  if (keyIds.length === 0) return;
  console.error(
    `Secrets in it are sealed by the key ${keyIds.join(', ')}: a server on it needs that key by ` +
      '--secret-key-file, or as secret.key in its data folder.',
  );
}

function usualPlace(dataDir: string | undefined): string {
  const flags = dataDir === undefined ? [] : ['--data-dir', dataDir];
  const configured = parseSettings(flags, process.env);
  if (!('settings' in configured)) {
    throw new StartupError('errors' in configured ? configured.errors.join('\n') : usage);
  }
  const { databaseUrl, dataDir: folder } = configured.settings;
  return dataDir === undefined ? (databaseUrl ?? folder) : folder;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
