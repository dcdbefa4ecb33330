import type { Setting } from './setting.ts';
import { settingList } from './table.ts';

const width = 96;
const column = 30;

/** What `--help` prints. */
export function helpText(): string {
  const lines = settingList.flatMap((setting) => [
    ...entry(`--${setting.flag}`, `${setting.help} ${facts(setting)}`),
    ...(setting.secret ? entry(`--${setting.flag}-file`, twin(setting)) : []),
  ]);
  return [
    'graphmdm: an Apple MDM server whose whole API is a typed, live GraphQL graph.',
    '',
    'Usage: npm start -- [flags]',
    '',
    'A flag beats its environment variable, which beats the default.',
    '',
    ...lines,
    ...entry('--version', 'Print the version.'),
    ...entry('--help', 'Print this.'),
    '',
  ].join('\n');
}

/** The text of docs/settings.md. */
export function settingsMarkdown(): string {
  const rows = settingList.map((setting) => {
    const names = setting.secret
      ? `\`--${setting.flag}\`, \`--${setting.flag}-file\` | \`${setting.env}\`, \`${setting.env}_FILE\``
      : `\`--${setting.flag}\` | \`${setting.env}\``;
    const fallback = setting.default === null ? '' : `\`${setting.default}\``;
    return `| ${names} | ${setting.help} ${upper(written(setting))}. | ${fallback} |`;
  });
  return [
    '# Settings',
    '',
    '<!-- Made from server/config/table.ts by `npm run docs`. -->',
    '',
    'Every setting is a flag (`npm start -- --listen :8080`, also `--listen=:8080`) and an environment',
    'variable. A flag beats its variable, which beats the default; an empty variable counts as unset.',
    'Secrets can be read from a file, because flags show in the list of processes. Anything wrong is',
    'told by name before anything starts.',
    '',
    '| Flag | Environment | Meaning | Default |',
    '|---|---|---|---|',
    ...rows,
    '',
    '`--version` prints the version, `--help` the same list.',
    '',
  ].join('\n');
}

function facts(setting: Setting<unknown>): string {
  const fallback = setting.default === null ? '' : `, default ${setting.default}`;
  return `${upper(written(setting))}${fallback}. Environment: ${setting.env}.`;
}

function written({ expected, shape }: Setting<unknown>): string {
  return shape === 'list' ? `${expected}; several, repeated or with commas` : expected;
}

function twin({ flag, env, shape }: Setting<unknown>): string {
  const what = shape === 'list' ? 'Files that hold' : 'A file that holds';
  return `${what} what --${flag} would say. Environment: ${env}_FILE.`;
}

function upper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function entry(name: string, text: string): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1] ?? '';
    if (line !== '' && column + line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map((line, index) => `  ${(index === 0 ? name : '').padEnd(column - 2)}${line}`);
}
