import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queryInPieces } from '../../server/store/hot/query-in-pieces.ts';
import { type TestDatabase, testDatabase } from '../harness/database.ts';

let store: TestDatabase;
beforeAll(async () => {
  store = await testDatabase();
});
afterAll(() => store.drop());

const statement = (values: readonly unknown[]) => ({
  name: 'echo',
  text: 'select $1::text as name, $2::timestamptz as at, $3::bytea as content',
  values,
});
interface Echo {
  readonly name: string;
  readonly content: Buffer;
}
const at = new Date('2026-01-31T12:00:00Z');

describe('a value in pieces', () => {
  it.each([
    ['none', []],
    ['empty ones', [Buffer.alloc(0), Buffer.alloc(0)]],
    ['one', [Buffer.from('one')]],
    ['many', [Buffer.from('a'), Buffer.alloc(0), Buffer.from('bc'), Buffer.alloc(300, 7)]],
    ['long ones', [Buffer.alloc(40, 1), Buffer.alloc(3_000_000, 2), Buffer.alloc(16, 3)]],
  ])('arrives whole: %s', async (name, pieces) => {
    const { graph } = store.database;
    // Twice: the second time the statement is prepared already.
    for (let time = 0; time < 2; time++) {
      const rows = await queryInPieces<Echo>(graph, statement([name, at]), pieces);
      expect(rows).toMatchObject([{ name, at }]);
      expect(rows[0]?.content.equals(Buffer.concat(pieces))).toBe(true);
    }
  });

  it('arrives with its own statement when many run at once', async () => {
    const { graph } = store.database;
    const all = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        queryInPieces<Echo>(graph, statement([String(n), at]), [
          Buffer.alloc(100_000, n),
          Buffer.from(String(n)),
        ]),
      ),
    );
    for (const [n, [row]] of all.entries()) {
      expect(row?.name).toBe(String(n));
      expect(
        row?.content.equals(Buffer.concat([Buffer.alloc(100_000, n), Buffer.from(String(n))])),
      ).toBe(true);
    }
  });

  it('fails as others do, and the next one finds the connection as it was', async () => {
    const { graph } = store.database;
    const wrong = { name: 'wrong', text: 'select 1 / length($1::text), $2::bytea', values: [''] };
    await expect(queryInPieces(graph, wrong, [Buffer.alloc(100_000)])).rejects.toMatchObject({
      code: '22012',
    });
    const unprepared = { name: 'broken', text: 'select from where $1', values: [] };
    await expect(queryInPieces(graph, unprepared, [Buffer.alloc(100_000)])).rejects.toMatchObject({
      code: '42601',
    });
    const [row] = await queryInPieces(graph, statement(['x', at]), [Buffer.from('y')]);
    expect(row).toMatchObject({ content: Buffer.from('y') });
  });
});
