import type { z } from 'zod';

/** A zod schema from the text an operator writes to the value the program uses. */
export type TextSchema<T> = z.ZodType<T, string>;

/** Reads a text file; throws when it cannot. */
export type ReadText = (path: string) => string;

/** A setting's value, or everything that is wrong with it as phrases that follow the setting's name. */
export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly string[] };

/** One thing an operator can set: the same in `--help`, the environment, the docs and the program. */
export interface Setting<T> {
  readonly flag: string;
  readonly env: string;
  /** `value`: once. `list`: repeated, or separated by commas. `switch`: `--x` alone means true. */
  readonly shape: 'value' | 'list' | 'switch';
  /** What an operator has to write, for `--help` and for errors. */
  readonly expected: string;
  /** The default as an operator would write it; null: none. */
  readonly default: string | null;
  readonly help: string;
  /** Never printed, and it has a `--…-file` twin, because flags show in `ps`. */
  readonly secret: boolean;
  /** Checks what was written; gets no text when the setting is absent. */
  read(texts: readonly string[], readText: ReadText): Reading<T>;
}

/** What every kind of setting is told. */
interface Facts {
  readonly expected: string;
  readonly help: string;
  readonly secret?: boolean;
  /** The environment variable's name where it is not `GRAPHMDM_…`. */
  readonly env?: string;
}

/** A setting that always has a value. */
export function required<T>(
  flag: string,
  facts: Facts & { schema: TextSchema<T>; default: string },
): Setting<T> {
  const { schema, default: fallback } = facts;
  return {
    ...common(flag, facts),
    shape: 'value',
    default: fallback,
    read: ([text = fallback]) => check(schema, text, facts),
  };
}

/** A setting that may be absent: null then. */
export function optional<T>(
  flag: string,
  facts: Facts & { schema: TextSchema<T> },
): Setting<T | null> {
  return {
    ...common(flag, facts),
    shape: 'value',
    default: null,
    read: ([text]) =>
      text === undefined ? { ok: true, value: null } : check(facts.schema, text, facts),
  };
}

/** A setting that may be given several times; empty when absent. */
export function list<T>(
  flag: string,
  facts: Facts & { schema: TextSchema<T> },
): Setting<readonly T[]> {
  return {
    ...common(flag, facts),
    shape: 'list',
    default: null,
    read: (texts) => gather(texts.map((text) => check(facts.schema, text, facts))),
  };
}

/** A setting that names files, whose contents are read and checked before anything starts. */
export function fileList<T>(
  flag: string,
  facts: Facts & { parse: (path: string, text: string) => T },
): Setting<readonly T[]> {
  const readOne = (path: string, readText: ReadText): Reading<T> => {
    try {
      return { ok: true, value: facts.parse(path, readText(path)) };
    } catch (error) {
      return { ok: false, problems: [`${path}: ${reason(error)}`] };
    }
  };
  return {
    ...common(flag, facts),
    shape: 'list',
    default: null,
    read: (texts, readText) => gather(texts.map((path) => readOne(path, readText))),
  };
}

/** A setting that is on or off. */
export function onOff(
  flag: string,
  facts: { schema: TextSchema<boolean>; default: boolean; help: string },
): Setting<boolean> {
  const all = { ...facts, expected: 'true or false' };
  return {
    ...common(flag, all),
    shape: 'switch',
    default: String(facts.default),
    read: ([text]) =>
      text === undefined ? { ok: true, value: facts.default } : check(facts.schema, text, all),
  };
}

/** What an error was about, in words that hold no value of a secret setting. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function common(flag: string, { expected, help, secret = false, env }: Facts) {
  const name = env ?? `GRAPHMDM_${flag.toUpperCase().replaceAll('-', '_')}`;
  return { flag, env: name, expected, help, secret };
}

function check<T>(schema: TextSchema<T>, text: string, facts: Facts): Reading<T> {
  const result = schema.safeParse(text);
  if (result.success) return { ok: true, value: result.data };
  const got = facts.secret ? '' : `, got ${JSON.stringify(text)}`;
  return { ok: false, problems: [`expected ${facts.expected}${got}`] };
}

function gather<T>(readings: readonly Reading<T>[]): Reading<readonly T[]> {
  const problems = readings.flatMap((reading) => (reading.ok ? [] : reading.problems));
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, value: readings.flatMap((reading) => (reading.ok ? [reading.value] : [])) };
}
