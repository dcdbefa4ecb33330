import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { messageTypes } from '../../server/catalogue/check-ins.ts';
import { eventTypes } from '../../server/model/events.ts';

const page = readFileSync('docs/protocol.md', 'utf8');

/** The rows of all tables, as cells. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('|') && !line.startsWith('|---'))
  .map((line) => line.slice(2, -2).split(' | '));
const messageRows = rows.filter((cells) => cells.length === 5 && cells[0] !== 'Message');
const statusRows = rows.filter((cells) => /^\d{3}$/.test(cells[0] ?? ''));

const quoted = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);
const source = (file: string) => readFileSync(file, 'utf8');
const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${folder}/${file}`);

/** What stands for a code that is not written out where it is thrown, by the expression that does. */
const codesOf: Readonly<Record<string, readonly string[]>> = {
  verdict: union('server/protocol/cms/verify.ts', 'SignatureVerdict').filter(
    (one) => one !== 'holds',
  ),
  'verdict.problem': union('server/identity/trust.ts', 'TrustProblem'),
  code: ['wrong-type', 'bad-plist'],
};

/** The members of a union of texts. */
function union(file: string, name: string): readonly string[] {
  const [, members = ''] = new RegExp(`export type ${name} =([^;]+);`).exec(source(file)) ?? [];
  return [...members.matchAll(/'([^']+)'/g)].map(([, member = '']) => member);
}

/** Every refusal that the server's source has, as `status code`. */
function refusals(): ReadonlySet<string> {
  // What is brought in from another server comes by a road of its own, which no device takes.
  const files = filesIn('server').filter((file) => !file.startsWith('server/mdm/migration/'));
  const found = files.flatMap((file) => {
    const text = source(file);
    const thrown = [...text.matchAll(/new Refusal\(\s*([^,]+),\s*([^,]+),/g)];
    // None may be written so that it is overlooked here.
    expect([file, thrown.length]).toEqual([file, text.split('new Refusal(').length - 1]);
    return thrown.flatMap(([, status = '', expression = '']) => {
      const [, literal] = /^'([^']+)'$/.exec(expression) ?? [];
      const codes = literal === undefined ? codesOf[expression] : [literal];
      if (codes === undefined) throw new Error(`${file}: which codes can ${expression} be?`);
      return codes.map((code) => `${status} ${code}`);
    });
  });
  return new Set(found);
}

describe('docs/protocol.md', () => {
  it('has a row for every check-in of Apple’s, and none for another', () => {
    const documented = messageRows.flatMap(([name]) => quoted(name));
    const statuses = ['Idle', 'Acknowledged', 'Error', 'CommandFormatError', 'NotNow'];
    expect([...new Set(documented)].sort()).toEqual([...messageTypes, ...statuses].sort());
  });

  it('names events that there are, and every one that a device can cause', () => {
    const named = new Set([...page.matchAll(/`([A-Z]\w+)`/g)].map(([, word = '']) => word));
    const events = rows.filter((cells) => cells.length >= 4 && !statusRows.includes(cells));
    const inTables = events.flatMap((cells) => quoted(cells[2]));
    expect(inTables.filter((one) => !eventTypes.some((type) => type === one))).toEqual([]);
    const causing = [
      ...['server/mdm/check-in', 'server/mdm/unenroll', 'server/store/check-ins'].flatMap(filesIn),
      ...['server/store/hot', 'server/store/queue'].flatMap(filesIn),
      ...['server/mdm/binding.ts', 'server/mdm/reenroll.ts'],
    ].map(source);
    const caused = eventTypes.filter((type) => causing.some((text) => text.includes(`'${type}'`)));
    expect(caused.length).toBeGreaterThan(14);
    // Commands are queued by integrators.
    expect(caused.filter((type) => !named.has(type))).toEqual(['CommandEnqueued']);
  });

  it('has every refusal with its status, and none that there is not', () => {
    const documented = statusRows.flatMap(([status, codes]) =>
      quoted(codes).map((code) => `${status} ${code}`),
    );
    expect(documented.toSorted()).toEqual([...refusals()].toSorted());
  });

  it('names for each row a test that speaks of it', () => {
    const wrong: string[] = [];
    for (const cells of rows.filter((one) => quoted(one.at(-1)).length > 0)) {
      const file = `test/${quoted(cells.at(-1)).join()}`;
      const text = existsSync(file) ? source(file) : '';
      const [first = ''] = cells;
      const isStatus = statusRows.includes(cells);
      const words = isStatus
        ? quoted(cells[1])
        : quoted(first).filter((word) => !word.startsWith('-'));
      // A check-in by name or by what the simulator calls it.
      const spoken = (word: string) => new RegExp(word.replace('-', '\\W?'), 'i').test(text);
      if (text === '' || !words.every(spoken)) wrong.push(`${first}: ${file}`);
      if (isStatus && words.length === 0 && !text.includes(first)) wrong.push(`${first}: ${file}`);
    }
    expect(wrong).toEqual([]);
    expect(statusRows.filter((cells) => quoted(cells.at(-1)).length === 0)).toHaveLength(1);
  });
});
