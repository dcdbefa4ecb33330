import { parseArgs } from 'node:util';
import type { Answers, Proof } from './load/devices.ts';
import { type Shape, readShapes } from './shape.ts';

/** What all benchmarks of device messages can be told. */
export interface DeviceBench {
  readonly rounds: number;
  readonly devices: number;
  readonly requests: number;
  /** For how long devices poll at most. */
  readonly seconds: number | null;
  readonly warmUp: number;
  readonly connections: number;
  readonly commands: number;
  readonly bytes: number;
  readonly answers: Answers;
  /** What is in the database when devices speak; empty: only they are, and they enrol themselves. */
  readonly shapes: readonly Shape[];
  /** Whether filled databases outlive the run. */
  readonly keep: boolean;
  /** Whether this server runs without its peers. */
  readonly alone: boolean;
  readonly perSecond: number | null;
  readonly proof: Proof;
  readonly key: 'rsa' | 'ec';
  readonly folder: string | null;
  /** Another title than the benchmark's own. */
  readonly title: string | null;
}

const flags = {
  rounds: { type: 'string', default: '3' },
  devices: { type: 'string', default: '1000' },
  requests: { type: 'string', default: '20000' },
  seconds: { type: 'string' },
  'warm-up': { type: 'string', default: '4000' },
  connections: { type: 'string', default: '64' },
  commands: { type: 'string', default: '5' },
  bytes: { type: 'string', default: '2048' },
  answers: { type: 'string', default: 'same' },
  shapes: { type: 'string' },
  keep: { type: 'boolean' },
  alone: { type: 'boolean' },
  'per-second': { type: 'string' },
  proof: { type: 'string', default: 'signature' },
  key: { type: 'string', default: 'rsa' },
  folder: { type: 'string' },
  title: { type: 'string' },
} as const;

type Flag = keyof typeof flags;

/** @param defaults what a benchmark has otherwise, as on the command line */
export function readFlags(
  args: readonly string[],
  defaults: Partial<Record<Flag, string>> = {},
): DeviceBench {
  const { values } = parseArgs({ args: [...args], options: flags, strict: true });
  const given = new Set(
    args.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0]),
  );
  const text = (flag: Flag): string | undefined => {
    const value = given.has(`--${flag}`) ? values[flag] : (defaults[flag] ?? values[flag]);
    return typeof value === 'string' ? value : undefined;
  };
  const number = (flag: Flag): number => Number(text(flag));
  const numberOrNull = (flag: Flag): number | null =>
    text(flag) === undefined ? null : number(flag);
  const shapes = text('shapes');
  return {
    rounds: number('rounds'),
    devices: number('devices'),
    requests: number('requests'),
    seconds: numberOrNull('seconds'),
    warmUp: number('warm-up'),
    connections: number('connections'),
    commands: number('commands'),
    bytes: number('bytes'),
    answers: text('answers') === 'changing' ? 'changing' : 'same',
    shapes: shapes === undefined ? [] : readShapes(shapes),
    keep: values.keep ?? false,
    alone: values.alone ?? false,
    perSecond: numberOrNull('per-second'),
    proof: text('proof') === 'header' ? 'header' : 'signature',
    key: text('key') === 'ec' ? 'ec' : 'rsa',
    folder: text('folder') ?? null,
    title: text('title') ?? null,
  };
}
