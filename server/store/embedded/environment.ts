const kept = ['PATH', 'Path', 'SystemRoot', 'TEMP', 'TMP', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH'];

/**
 * The environment of PostgreSQL's programs: what the system needs and nothing else, because ours may
 * carry secrets (`DATABASE_URL`, tokens) and settings of libpq (`PGDATA`, `PGPORT`) meant for others.
 */
export function childEnvironment(): NodeJS.ProcessEnv {
  const entries = kept.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(entries), LC_ALL: 'C', TZ: 'UTC' };
}
