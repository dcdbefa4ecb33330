import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
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

it('prepares look-ups by key, each of them once', async () => {
  const select = { key: true, serialNumber: true } as const;
  for (const keys of [[1n], [2n], [3n, 4n], [5n, 6n]]) {
    await prisma.enrollment.findMany({ select, where: { key: { in: keys } } });
    await prisma.enrollment.findMany({ select, where: { key: { in: keys }, tenantId: 1 } });
    await prisma.command.findMany({ where: { key: { in: keys } } });
  }
  const texts = await prepared();
  expect(texts).toHaveLength(6);
  expect(texts.filter((text) => text.includes('tenant_id" = '))).toHaveLength(2);
});

it('leaves all else to be planned for its values', async () => {
  const before = await prepared();
  const key = { in: [1n] };
  await prisma.enrollment.findMany({ where: { key }, orderBy: { key: 'asc' } });
  await prisma.enrollment.findMany({ where: { key }, take: 3 });
  await prisma.enrollment.findMany({ where: { serialNumber: { in: ['A'] } } });
  await prisma.enrollment.findMany({ where: { key, serialNumber: 'A' } });
  await prisma.enrollment.findMany({ where: { key: { gt: 1n } } });
  await prisma.enrollment.count({ where: { key } });
  expect(await prepared()).toEqual(before);
});

it('prepares no more than two hundred', async () => {
  for (let many = 10; many < 230; many += 1) {
    const keys = Array.from({ length: many }, (_, at) => BigInt(at));
    await prisma.tenant.findMany({ where: { id: { in: [1] } } });
    await prisma.enrollment.findMany({ select: { id: true }, where: { key: { in: keys } } });
  }
  expect(await prepared()).toHaveLength(200);
});
