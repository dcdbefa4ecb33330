import { afterAll, beforeAll, expect, it } from 'vitest';
import { byteaArray, textArray, timestampArray } from '../../server/store/binary-array.ts';
import { type TestDatabase, testDatabase } from '../harness/database.ts';

let store: TestDatabase;

beforeAll(async () => {
  store = await testDatabase();
});

afterAll(() => store.drop());

/** What PostgreSQL takes an array for, as JSON. */
async function received(bytes: Buffer, type: string): Promise<unknown> {
  const { rows } = await store.database.graph.query<{ value: unknown }>(
    `select to_json($1::${type}[]) as value`,
    [bytes],
  );
  return rows[0]?.value;
}

it('texts arrive as they were, whatever they hold', async () => {
  for (const texts of [
    [],
    [''],
    ['a', null, 'b,"c"', '{}', 'NULL'],
    ['Å', '日本', '😀😀', 'x'.repeat(100_000), `${'ä'.repeat(1_000)}z`],
    Array.from({ length: 5_000 }, (_, at) => (at % 7 === 0 ? null : `id-${at}-ü`)),
  ]) {
    expect(await received(textArray(texts), 'text')).toEqual(texts);
  }
});

it('bytes and times arrive as they were', async () => {
  const bytes = [Buffer.from([0, 255]), null, Buffer.alloc(0)];
  expect(await received(byteaArray(bytes), 'bytea')).toEqual(['\\x00ff', null, '\\x']);
  const times = [new Date('1999-12-31T23:59:59.123Z'), null, new Date('2026-11-28T00:00:00Z')];
  const told = await received(timestampArray(times), 'timestamptz');
  expect(
    Array.isArray(told) && told.map((time) => (time === null ? null : new Date(String(time)))),
  ).toEqual(times);
});
