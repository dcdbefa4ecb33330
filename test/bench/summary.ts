import type { Figures } from './measure.ts';
import { ratioOf, type Series, type Spread, spreadOf } from './series.ts';

type Measured = {
  readonly [Key in keyof Figures as Figures[Key] extends number ? Key : never]: number;
};
type Column = keyof Measured;

interface ColumnOptions {
  readonly title: string;
  readonly digits: number;
  /** Left out where it is 0 everywhere. */
  readonly rare?: boolean;
  /** Whether ratios of it say anything. */
  readonly compared: boolean;
}

const columns: Readonly<Partial<Record<Column, ColumnOptions>>> = {
  seconds: { title: 'seconds', digits: 1, compared: false },
  perSecond: { title: 'requests/s', digits: 0, compared: true },
  serverMs: { title: 'server ms/req', digits: 3, compared: true },
  databaseMs: { title: 'PostgreSQL ms/req', digits: 3, compared: true },
  serverCores: { title: 'server cores', digits: 2, compared: false },
  databaseCores: { title: 'PostgreSQL cores', digits: 2, compared: false },
  p50: { title: 'p50 ms', digits: 1, compared: true },
  p95: { title: 'p95 ms', digits: 1, compared: true },
  p99: { title: 'p99 ms', digits: 1, compared: true },
  statements: { title: 'statements/req', digits: 2, compared: true },
  pages: { title: 'pages/req', digits: 1, compared: true },
  devicePages: { title: 'device pages/req', digits: 1, rare: true, compared: true },
  walBytes: { title: 'WAL bytes/req', digits: 0, compared: true },
  memoryMb: { title: 'memory MB', digits: 0, compared: true },
  grownMb: { title: 'memory grown MB', digits: 0, compared: false },
  databaseConnections: { title: 'database connections', digits: 0, compared: false },
  deviceConnections: { title: 'device connections', digits: 0, compared: false },
  resent: { title: 'sent again', digits: 0, rare: true, compared: false },
  deadlocks: { title: 'deadlocks', digits: 0, compared: false },
  load: { title: 'load generator', digits: 2, compared: false },
};

const listed = Object.entries(columns) as readonly [Column, ColumnOptions][];

type Values = Readonly<Record<string, Spread | null>>;

/** What came out of a benchmark, over all rounds: what tables and charts are made of. */
export interface Summary {
  readonly title: string;
  readonly rows: readonly { readonly name: string; readonly values: Values }[];
  readonly ratios: readonly { readonly of: string; readonly to: string; readonly values: Values }[];
  /** What makes rounds invalid. */
  readonly problems: readonly string[];
}

/** @param pairs of series that are compared, by index */
export function summarize(
  title: string,
  series: readonly Series[],
  pairs: readonly (readonly [number, number])[],
): Summary {
  const valuesOf = (at: number, key: Column) => series[at]?.rounds.map((one) => one[key]) ?? [];
  const eachColumn = (spread: (key: Column, options: ColumnOptions) => Spread | null): Values =>
    Object.fromEntries(listed.map(([key, options]) => [key, spread(key, options)]));
  return {
    title,
    rows: series.map(({ name }, at) => ({
      name,
      values: eachColumn((key) => spreadOf(valuesOf(at, key))),
    })),
    ratios: pairs.map(([of, to]) => ({
      of: series[of]?.name ?? '',
      to: series[to]?.name ?? '',
      values: eachColumn((key, { compared }) =>
        compared ? ratioOf(valuesOf(of, key), valuesOf(to, key)) : null,
      ),
    })),
    problems: series.flatMap(({ name, rounds }) =>
      rounds.flatMap(({ problems }, round) =>
        problems.map((problem) => `${name}, round ${round + 1}: ${problem}`),
      ),
    ),
  };
}

/** Medians with the least and the most, as Markdown: what was measured, and how it compares. */
export function markdownOf({ title, rows, ratios, problems }: Summary): string {
  const shown = listed.filter(([key, { rare }]) =>
    rows.some(({ values }) =>
      rare ? (values[key]?.most ?? 0) > 0 : (values[key] ?? null) !== null,
    ),
  );
  const compared = shown.filter(([, options]) => options.compared);
  const measured = tableOf(shown, '', rows, ({ values }, key, { digits }) =>
    textOf(values[key] ?? null, digits, ''),
  );
  const ratioRows = ratios.map(({ of, to, values }) => ({ name: `${of} / ${to}`, values }));
  const comparison = tableOf(compared, 'ratio', ratioRows, ({ values }, key) =>
    textOf(values[key] ?? null, 2, ' x'),
  );
  const bad = problems.map((problem) => `- **Invalid**: ${problem}\n`).join('');
  const parts = [`## ${title}\n`, measured, ...(ratios.length > 0 ? [comparison] : []), bad];
  return parts.filter((part) => part !== '').join('\n');
}

interface Row {
  readonly name: string;
  readonly values: Values;
}

function tableOf(
  shown: readonly (readonly [Column, ColumnOptions])[],
  corner: string,
  rows: readonly Row[],
  cell: (row: Row, key: Column, options: ColumnOptions) => string,
): string {
  const lines = [
    [corner, ...shown.map(([, { title }]) => title)],
    ['---', ...shown.map(() => '---')],
    ...rows.map((row) => [row.name, ...shown.map(([key, options]) => cell(row, key, options))]),
  ];
  return lines.map((line) => `| ${line.join(' | ')} |\n`).join('');
}

function textOf(spread: Spread | null, digits: number, unit: string): string {
  if (spread === null) return '';
  const [middle, least, most] = [spread.middle, spread.least, spread.most].map((value) =>
    value.toFixed(digits),
  );
  return least === most ? `${middle}${unit}` : `${middle}${unit} (${least}–${most})`;
}
