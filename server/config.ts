import { readFileSync } from 'node:fs';
import { type ReadText, reason } from './config/setting.ts';
import { type Settings, settingList, table } from './config/table.ts';
import { readFlags, textsOf } from './config/written.ts';

export type { PemBundle } from './config/pem.ts';
export type { Settings } from './config/table.ts';

/** What an operator's command line and environment come to. */
export type Configured =
  | { readonly settings: Settings; readonly warnings: readonly string[] }
  | { readonly asksFor: 'help' | 'version' }
  | { readonly errors: readonly string[] };

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the settings: a flag beats its environment variable, which beats the default; an empty variable
 * counts as unset. Everything that is wrong is named at once, and no secret is in any message.
 * @param argv      arguments after the program's name
 * @param readText  reads the files that settings name
 */
export function parseSettings(
  argv: readonly string[],
  env: Environment,
  readText: ReadText = (path) => readFileSync(path, 'utf8'),
): Configured {
  const written = readFlags(argv, settingList);
  if (written.asksFor !== null) return { asksFor: written.asksFor };

  const errors = [...written.errors];
  const values = Object.entries(table).map(([name, setting]) => {
    const label = `--${setting.flag} (${setting.env})`;
    try {
      const reading = setting.read(textsOf(setting, written.flags, env, readText), readText);
      if (reading.ok) return [name, reading.value] as const;
      errors.push(...reading.problems.map((problem) => `${label}: ${problem}.`));
    } catch (error) {
      errors.push(`${label}: ${reason(error)}.`);
    }
    return [name, null] as const;
  });
  if (errors.length > 0) return { errors };
  // Each value came from the reader of its own line of the table, which `Settings` is made from.
  return { settings: Object.fromEntries(values) as Settings, warnings: unknownVariables(env) };
}

/** What clients read: nothing is wrong with an environment that has both. */
const ofClients = new Set(['GRAPHMDM_URL', 'GRAPHMDM_TOKEN']);

function unknownVariables(env: Environment): readonly string[] {
  const known = new Set(settingList.flatMap(({ env: name }) => [name, `${name}_FILE`]));
  return Object.keys(env)
    .filter((name) => name.startsWith('GRAPHMDM_') && !known.has(name) && !ofClients.has(name))
    .sort()
    .map((name) => `${name} is set, but there is no such setting.`);
}
