import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lookUpNames } from '../../server/prisma-statements.ts';
import { openPrisma } from '../../server/prisma.ts';
import { databaseLanes, type TestDatabase, testDatabase } from '../harness/database.ts';

let test: TestDatabase;
let pool: pg.Pool;
let prisma: ReturnType<typeof openPrisma>;

beforeAll(async () => {
  test = await testDatabase(databaseLanes()[0] ?? 'embedded');
  // Statements are prepared for a connection each.
  pool = new pg.Pool({ connectionString: test.url, max: 1 });
  pool.on('error', () => {});
  prisma = openPrisma(pool);
});
afterAll(async () => {
  await prisma.$disconnect();
  await pool.end();
  await test.drop();
});

async function prepared(): Promise<readonly string[]> {
  const { rows } = await pool.query<{ statement: string }>(
    `select statement from pg_prepared_statements where name like 'prisma-%' order by prepare_time`,
  );
  return rows.map(({ statement }) => statement);
}

it('prepares look-ups by key that are made again and again, each of them once', async () => {
  const select = { key: true, serialNumber: true } as const;
  for (let n = 1n; n <= 10n; n += 1n) {
    for (const keys of [[n], [n, n + 1n]]) {
      await prisma.enrollment.findMany({ select, where: { key: { in: keys } } });
      await prisma.enrollment.findMany({ select, where: { key: { in: keys }, tenantId: 1 } });
      await prisma.command.findMany({ where: { key: { in: keys } } });
    }
    if (n === 7n) expect(await prepared()).toEqual([]);
  }
  const texts = await prepared();
  expect(texts).toHaveLength(6);
  expect(texts.filter((text) => text.includes('tenant_id" = '))).toHaveLength(2);
});

it('leaves all else to be planned for its values', async () => {
  const before = await prepared();
  const key = { in: [1n] };
  const many = { in: Array.from({ length: 65 }, (_, at) => BigInt(at)) };
  for (let n = 0; n < 10; n += 1) {
    await prisma.enrollment.findMany({ where: { key }, orderBy: { key: 'asc' } });
    await prisma.enrollment.findMany({ where: { key }, take: 3 });
    await prisma.enrollment.findMany({ where: { serialNumber: { in: ['A'] } } });
    await prisma.enrollment.findMany({ where: { key, serialNumber: 'A' } });
    await prisma.enrollment.findMany({ where: { key: { gt: 1n } } });
    await prisma.enrollment.findMany({ where: { key: many } });
    await prisma.enrollment.count({ where: { key } });
  }
  expect(await prepared()).toEqual(before);
});

it('names no more than two hundred', () => {
  const nameOf = lookUpNames();
  const named = new Set<string>();
  for (let at = 0; at < 300; at += 1) {
    const sql = `SELECT "public"."t${at}"."a" FROM "public"."t${at}" WHERE "public"."t${at}"."key" IN ($1,$2) OFFSET $3`;
    for (let n = 0; n < 8; n += 1) named.add(nameOf({ sql }));
  }
  named.delete('');
  expect(named.size).toBe(200);
});
