import { usage } from '../failure.ts';
import type { Io } from '../io.ts';
import type { Fields, Shape } from './fields.ts';
import { type Progress, progressOn } from './progress.ts';
import { styleOf } from './style.ts';
import { cell, plainLines } from './text.ts';

/** What a command says: rows on stdout, all else on stderr. */
export interface Output {
  /** A list: a table on a terminal, else lines with tabs, or one JSON array. @returns how many rows */
  list<Row>(shape: Shape<Row>, rows: AsyncIterable<Row> | Iterable<Row>): Promise<number>;
  /** A stream: a line for each row as it comes; with `--json` one JSON object each. */
  stream<Row>(shape: Shape<Row>): (row: Row) => Promise<void>;
  /** One thing: a line for each field on a terminal and elsewhere, or one JSON object. */
  item<Row>(shape: Pick<Shape<Row>, 'fields'>, row: Row): Promise<void>;
  /** A result that is one text, such as a request to sign. */
  text(text: string): Promise<void>;
  /** Something for a person, on stderr. */
  note(text: string): Promise<void>;
  /** Asks whether the fields of `--json` are there, before anything is done. @throws {Failure} */
  demand<Row>(shape: Pick<Shape<Row>, 'fields'>): void;
  readonly progress: Progress;
  /** Whether `--json` was given. */
  readonly isJson: boolean;
}

/** @param json  the fields of `--json`, known to be the command's; null: not given */
export function createOutput(io: Io, json: readonly string[] | null): Output {
  const { stdout, stderr } = io;
  const style = styleOf(stdout, io.env);
  const progress = progressOn(stderr);

  /** One line, with the bar out of its way. */
  async function line(text: string): Promise<void> {
    await progress.clear();
    await stdout.write(`${text}\n`);
  }

  return {
    isJson: json !== null,
    progress,
    text: (text) => line(text.trimEnd()),
    demand({ fields }) {
      const missing = json?.find((name) => !Object.hasOwn(fields, name));
      if (missing !== undefined) throw usage(`The field ${missing} is not there with these flags.`);
    },
    async note(text) {
      await progress.clear();
      await stderr.write(`${plainLines(text)}\n`);
    },
    async list({ fields, columns }, rows) {
      let count = 0;
      if (json !== null) {
        for await (const row of rows) {
          await line(`${count === 0 ? '[' : ','}${toJson(fields, json, row)}`);
          count += 1;
        }
        await line(count === 0 ? '[]' : ']');
        return count;
      }
      const cells = columns.map(({ field }) => fields[field]);
      if (!stdout.isTerminal) {
        for await (const row of rows) {
          await line(cells.map((field) => cell(field?.of(row))).join('\t'));
          count += 1;
        }
        return count;
      }
      const table: string[][] = [];
      for await (const row of rows) table.push(cells.map((field) => cell(field?.of(row))));
      if (table.length === 0) return 0;
      const headings = columns.map(({ heading }) => heading);
      const widths = headings.map((heading, n) =>
        Math.max(heading.length, ...table.map((row) => row[n]?.length ?? 0)),
      );
      const padded = (row: readonly string[]) => fit(row, widths).slice(0, stdout.columns);
      await line(style.heading(padded(headings)));
      for (const row of table) await line(padded(row));
      return table.length;
    },
    stream({ fields, columns }) {
      let isFirst = true;
      return async (row) => {
        if (json !== null) return line(toJson(fields, json, row));
        const cells = columns.map(({ field }) => cell(fields[field]?.of(row)));
        if (!stdout.isTerminal) return line(cells.join('\t'));
        const widths = columns.map(({ width }) => width);
        if (isFirst) {
          isFirst = false;
          await line(
            style.heading(
              fit(
                columns.map(({ heading }) => heading),
                widths,
              ),
            ),
          );
        }
        await line(fit(cells, widths));
      };
    },
    async item({ fields }, row) {
      if (json !== null) return line(toJson(fields, json, row));
      const entries = Object.entries(fields).map(([name, field]) => [name, cell(field.of(row))]);
      const widest = Math.max(...entries.map(([name = '']) => name.length));
      for (const [name = '', value = ''] of entries) {
        if (!stdout.isTerminal) await line(`${name}\t${value}`);
        else if (value !== '') await line(`${style.heading(name.padEnd(widest))}  ${value}`);
      }
    },
  };
}

/** Pads each cell but the last. */
function fit(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((text, n) => (n === cells.length - 1 ? text : text.padEnd(widths[n] ?? 0)))
    .join('  ')
    .trimEnd();
}

function toJson<Row>(fields: Fields<Row>, names: readonly string[], row: Row): string {
  return JSON.stringify(
    Object.fromEntries(names.map((name) => [name, fields[name]?.of(row) ?? null])),
  );
}
