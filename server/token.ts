import { parseArgs } from 'node:util';
import { createToken } from './access/tokens.ts';
import { parseSettings } from './config.ts';
import { StartupError } from './model/errors.ts';
import { silentLog } from './model/log.ts';
import { noMetrics } from './model/metrics.ts';
import { everyScope, isScope, scopes as allScopes } from './model/viewer.ts';
import { migrate } from './store/migrate.ts';
import { type Database, openDatabase, unhurried } from './store/open.ts';
import { migrationsFolder } from './store/package-root.ts';
import { insertToken, listTokens, revokeToken } from './store/tokens.ts';

// Works on the database itself, for who has lost every token.

const usage = `usage: npm run token -- create --name NAME [--scopes A,B] [--expires 90d] [--tenant N]
       npm run token -- list
       npm run token -- revoke ID

  --scopes    of: ${allScopes.join(', ')}; every one when left out
  --expires   a time such as 90d or 12h; never when left out
  --tenant    the tenant whose data it opens; every one's when left out

The database is the one that --data-dir or DATABASE_URL names, as for the server.`;

const hours: Readonly<Record<string, number>> = { m: 1 / 60, h: 1, d: 24 };

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      name: { type: 'string' },
      scopes: { type: 'string' },
      expires: { type: 'string' },
      tenant: { type: 'string' },
      'data-dir': { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const [command, id] = positionals;
  if (values.help === true || command === undefined) {
    console.log(usage);
    return values.help === true ? 0 : 2;
  }
  const dataDir = values['data-dir'];
  const configured = parseSettings(
    dataDir === undefined ? [] : ['--data-dir', dataDir],
    process.env,
  );
  if (!('settings' in configured)) {
    throw new StartupError('errors' in configured ? configured.errors.join('\n') : usage);
  }
  const { settings } = configured;
  const database = await openDatabase({
    databaseUrl: settings.databaseUrl,
    dataDir: settings.dataDir,
    log: silentLog,
    metrics: noMetrics,
  });
  try {
    await unhurried(database, (pool) => migrate(pool, migrationsFolder(), { log: silentLog }));
    switch (command) {
      case 'create':
        return await create(database, values);
      case 'list':
        return await list(database);
      case 'revoke':
        return await revoke(database, id);
      default:
        console.error(usage);
        return 2;
    }
  } finally {
    await database.close();
  }
}

async function create(
  database: Database,
  wish: { name?: string; scopes?: string; expires?: string; tenant?: string },
): Promise<number> {
  const scopes = wish.scopes === undefined ? [everyScope] : wish.scopes.split(',');
  const unknown = scopes.filter((scope) => scope !== everyScope && !isScope(scope));
  if (unknown.length > 0)
    throw new StartupError(`There is no scope ${unknown.join(', ')}.\n${usage}`);
  const expiresAt = wish.expires === undefined ? null : after(wish.expires);
  const tenant = wish.tenant === undefined ? null : Number(wish.tenant);
  if (tenant !== null && !Number.isInteger(tenant)) throw new StartupError('--tenant is a number.');
  const { id, token } = await createToken((row) => insertToken(database.graph, row), {
    name: wish.name ?? 'made on the command line',
    scopes,
    tenant,
    expiresAt,
  });
  console.error(`Token ${id}, shown this once:`);
  console.log(token);
  return 0;
}

async function list(database: Database): Promise<number> {
  for (const token of await listTokens(database.graph)) {
    const end = token.expiresAt === null ? 'never ends' : `ends ${token.expiresAt.toISOString()}`;
    const tenant = token.tenantId === null ? 'every tenant' : `tenant ${token.tenantId}`;
    console.log(`${token.id}  ${token.name}  ${tenant}  ${token.scopes.join(',')}  ${end}`);
  }
  return 0;
}

async function revoke(database: Database, id: string | undefined): Promise<number> {
  if (id === undefined || !/^[\da-f-]{36}$/i.test(id) || !(await revokeToken(database.graph, id))) {
    throw new StartupError(`No token that is still good has the id ${id ?? '(none given)'}.`);
  }
  console.error(`Token ${id} is revoked.`);
  return 0;
}

function after(text: string): Date {
  const [, count, unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const factor = hours[unit];
  if (factor === undefined) throw new StartupError('--expires is a time such as 90d or 12h.');
  return new Date(Date.now() + Number(count) * factor * 3_600_000);
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
