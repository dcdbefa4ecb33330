import { type Setting, reason, type ReadText } from './setting.ts';

/** What an operator wrote, by flag name (`listen`, `secret-key-file`); a switch alone is `true`. */
export interface Written {
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly errors: readonly string[];
  readonly asksFor: 'help' | 'version' | null;
}

/**
 * Takes `--x v`, `--x=v` and, for switches, `--x` apart; a switch takes no other word than true or false
 * as its value. One dash is as good as two, as in Go's tools.
 */
export function readFlags(argv: readonly string[], settings: readonly Setting<unknown>[]): Written {
  const shapes = new Map<string, Setting<unknown>['shape']>();
  for (const { flag, shape, secret } of settings) {
    shapes.set(flag, shape);
    if (secret) shapes.set(`${flag}-file`, shape);
  }
  const flags = new Map<string, string[]>();
  const errors: string[] = [];
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (/^(-h|--?help)$/.test(word)) return { flags, errors, asksFor: 'help' };
    if (/^(-v|--?version)$/.test(word)) return { flags, errors, asksFor: 'version' };
    const [, name = '', inline] = /^--?([a-z][\w-]*)(?:=([\s\S]*))?$/.exec(word) ?? [];
    const shape = shapes.get(name);
    if (name === '') {
      // It may be a secret in the wrong place: it is not repeated.
      errors.push(
        `Argument ${argv.length - rest.length} is not a flag; flags are --name value or --name=value.`,
      );
    } else if (shape === undefined) {
      errors.push(`--${name}: there is no such flag${suggestion(name, [...shapes.keys()])}.`);
      if (inline === undefined && rest[0]?.startsWith('-') === false) rest.shift();
    } else {
      const value = inline ?? (shape === 'switch' ? takeTruth(rest) : takeValue(rest));
      if (value === null) errors.push(`--${name}: needs a value.`);
      else if (shape !== 'list' && flags.has(name)) errors.push(`--${name}: given more than once.`);
      else flags.set(name, [...(flags.get(name) ?? []), value]);
    }
  }
  return { flags, errors, asksFor: null };
}

/**
 * The texts that count for one setting: flag over environment, each direct or from its file twin.
 * @throws {Error} both the value and its file are given, or a file cannot be read
 */
export function textsOf(
  setting: Setting<unknown>,
  flags: Written['flags'],
  env: Readonly<Record<string, string | undefined>>,
  readText: ReadText,
): readonly string[] {
  const { flag, env: name } = setting;
  const fromFlags = direct(
    setting,
    [`--${flag}`, flags.get(flag)],
    [`--${flag}-file`, flags.get(`${flag}-file`)],
    readText,
  );
  if (fromFlags) return fromFlags;
  const variable = (key: string) =>
    env[key] === undefined || env[key] === '' ? undefined : [env[key]];
  return (
    direct(setting, [name, variable(name)], [`${name}_FILE`, variable(`${name}_FILE`)], readText) ??
    []
  );
}

type Source = readonly [name: string, texts: readonly string[] | undefined];

function direct(
  { shape, secret }: Setting<unknown>,
  [name, texts]: Source,
  [fileName, files]: Source,
  readText: ReadText,
): readonly string[] | null {
  const split = (words: readonly string[]) =>
    shape === 'list' ? words.flatMap((word) => word.split(',')).map((word) => word.trim()) : words;
  if (!secret || files === undefined) return texts === undefined ? null : split(texts);
  if (texts !== undefined) throw new Error(`give ${name} or ${fileName}, not both`);
  return split(files).map((file) => {
    try {
      return readText(file).trim();
    } catch (error) {
      throw new Error(`${fileName} cannot be read: ${reason(error)}`, { cause: error });
    }
  });
}

function takeValue(rest: string[]): string | null {
  return rest[0] === undefined || rest[0].startsWith('--') ? null : (rest.shift() ?? null);
}

function takeTruth(rest: string[]): string {
  return (/^(true|false)$/.test(rest[0] ?? '') && rest.shift()) || 'true';
}

function suggestion(name: string, known: readonly string[]): string {
  const near = known.find(
    (flag) => flag.startsWith(name) || name.startsWith(flag) || differsByOne(flag, name),
  );
  return near === undefined ? '' : `; did you mean --${near}`;
}

function differsByOne(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let head = 0;
  while (head < a.length && a[head] === b[head]) head++;
  const rest = (text: string, skip: number) => text.slice(head + skip);
  return rest(a, 1) === rest(b, 1) || rest(a, 1) === rest(b, 0) || rest(a, 0) === rest(b, 1);
}
