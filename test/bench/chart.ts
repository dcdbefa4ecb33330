import { median, type Series } from './series.ts';

const barWidth = 360;
const rowHeight = 34;
const colours = { server: '#2f6f8f', database: '#c98a2b' } as const;

/** A bar for each contender: milliseconds of processor time a request, server and database. */
export function chartOf(title: string, series: readonly Series[]): string {
  const bars = series.map(({ name, rounds }) => ({
    name,
    server: median(rounds.map(({ serverMs }) => serverMs)),
    database: median(rounds.map(({ databaseMs }) => databaseMs)),
  }));
  const largest = Math.max(...bars.map(({ server, database }) => server + (database || 0)), 1e-9);
  // Names of shapes are long; about seven pixels a letter.
  const labelWidth = 20 + 7 * Math.max(...bars.map(({ name }) => name.length));
  const width = labelWidth + barWidth + 90;
  const scale = barWidth / largest;
  const rows = bars.map(({ name, server, database }, at) => {
    const y = 50 + at * rowHeight;
    const first = server * scale;
    const second = (database || 0) * scale;
    const sum = (server + (database || 0)).toFixed(3);
    return [
      `<text x="${labelWidth - 8}" y="${y + 16}" text-anchor="end">${escape(name)}</text>`,
      `<rect x="${labelWidth}" y="${y}" width="${first.toFixed(1)}" height="22" fill="${colours.server}"/>`,
      `<rect x="${(labelWidth + first).toFixed(1)}" y="${y}" width="${second.toFixed(1)}" height="22" fill="${colours.database}"/>`,
      `<text x="${(labelWidth + first + second + 6).toFixed(1)}" y="${y + 16}">${sum}</text>`,
    ].join('');
  });
  const height = 62 + bars.length * rowHeight;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    'font-family="sans-serif" font-size="13">' +
    `<text x="8" y="20" font-weight="bold">${escape(title)}: ms of processor time a request</text>` +
    `<text x="8" y="38" fill="${colours.server}">server</text>` +
    `<text x="60" y="38" fill="${colours.database}">PostgreSQL</text>${rows.join('')}</svg>\n`
  );
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
