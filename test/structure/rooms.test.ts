import { describe, expect, it } from 'vitest';
import {
  forbiddenImports,
  importCycles,
  importsIn,
  isAllowed,
  misplacedSql,
  roomOf,
  sources,
  unknownRooms,
} from '../../scripts/rooms/find.ts';

describe('the rooms', () => {
  it('are all in the table', () => {
    expect(sources.length).toBeGreaterThan(100);
    expect(unknownRooms()).toEqual([]);
  });

  it('import only what the table allows', () => {
    expect(forbiddenImports()).toEqual([]);
  });

  it('have no cycle between files', () => {
    expect(importCycles()).toEqual([]);
  });

  it('keep SQL in the store', () => {
    expect(misplacedSql()).toEqual([]);
  });
});

describe('the search for imports', () => {
  const file = 'server/mdm/queue/report.ts';

  it.each([
    ["import { a } from '../../http/app.ts';"],
    ["import type { A } from '../../http/app.ts';"],
    ["export * from '../../http/app.ts';"],
    ["const a = await import('../../http/app.ts');"],
    ["let a: import('../../http/app.ts').A;"],
    ["import {\n  a,\n} from '../../http/app.ts';"],
    ['import "../../http/app.ts";'],
  ])('sees %s', (text) => {
    expect(importsIn(file, text).map(({ target }) => target)).toEqual(['server/http/app.ts']);
  });

  it('tells the line', () => {
    expect(importsIn(file, "\n\nimport '../a.ts';")).toEqual([
      { line: 3, target: 'server/mdm/a.ts' },
    ]);
  });

  it('knows the rooms apart', () => {
    expect(
      ['server/main.ts', 'server/store/hot/idle.ts', 'schema/builder.ts', 'clients/sdk/a.ts'].map(
        roomOf,
      ),
    ).toEqual(['server', 'server/store', 'schema', 'clients/sdk']);
  });

  it('refuses what the table does not name, and part of a room as well', () => {
    expect(isAllowed('server/mdm/a.ts', 'server/http/app.ts')).toBe(false);
    expect(isAllowed('server/mdm/a.ts', 'server/store/hot/idle.ts')).toBe(true);
    expect(isAllowed('schema/queue.ts', 'server/store/hot/idle.ts')).toBe(false);
    expect(isAllowed('schema/queue.ts', 'server/store/read/queue.ts')).toBe(true);
    expect(isAllowed('server/serve.ts', 'server/http/app.ts')).toBe(true);
  });
});
