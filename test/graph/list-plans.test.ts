import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Viewer } from '../../server/model/viewer.ts';
import { type AuditFilter, auditPage } from '../../server/store/read/audit-entries.ts';
import { jobPage } from '../../server/store/read/jobs.ts';
import { type TestDatabase, testDatabase } from '../harness/database.ts';
import { costOf, stretches } from '../harness/plan-cost.ts';

const size = process.env['GRAPHMDM_SOAK'] ? 1_000_000 : 100_000;
/** Pages of 8 KB that a page of 20 may touch. */
const mostBuffers = 300;

let store: TestDatabase;

const start = Date.UTC(2026, 0, 1);
const noon = new Date(start + (size / 2) * 60_000);
const middle = { key: BigInt(size / 2), micros: BigInt(Number(noon)) * 1_000n };

const patience = { query_timeout: 600_000 };

beforeAll(async () => {
  store = await testDatabase();
  const client = await store.database.graph.connect();
  const run = (text: string) => client.query({ text, values: [size], ...patience });
  await client.query('set statement_timeout = 0');
  // The oldest of all are the small tenant's.
  await run(
    `insert into audit_entry (tenant_id, at, actor, action, details)
     select case when n <= 100 then 2 when n % 500 = 0 then null else 1 end,
       timestamptz '2026-01-01Z' + n * interval '1 minute',
       case when n % 4000 = 0 then 'token:rare' else 'token:many' end,
       case when n % 5000 = 0 then 'rare' else 'enqueueCommand' end, '{}'
     from generate_series(1, $1) n`,
  );
  await run(
    `insert into job (id, tenant_id, kind, state, input, created_by, created_at)
     select gen_random_uuid(), case when n <= 100 then 2 else 1 end, 'PUSH', 'SUCCEEDED', '{}', 'test',
       timestamptz '2026-01-01Z' + n * interval '1 minute'
     from generate_series(1, $1) n`,
  );
  // The newest are all of renewals.
  await run(
    `insert into enrollment_invitation (id, tenant_id, challenge_sha256, tags, enrollment_key, expires_at,
       created_by)
     select gen_random_uuid(), case when n <= 100 then 2 else 1 end, int4send(n), '{}',
       case when n > $1 / 10 then n end, now(), 'test'
     from generate_series(1, $1) n`,
  );
  await run(
    `insert into certificate_renewal (enrollment_key, certificate_sha256, not_after, state, noticed_at)
     select n, '', now(), case when n % 5000 = 0 then 'FAILED' else 'ASKED' end, now()
     from generate_series(1, $1) n`,
  );
  for (const table of ['audit_entry', 'job', 'enrollment_invitation', 'certificate_renewal']) {
    await client.query({ text: `vacuum analyze ${table}`, ...patience });
  }
  client.release(true);
}, 600_000);
afterAll(() => store.drop());

const ofTenant: Viewer = { actor: 'test', tokenId: null, tenant: 1, scopes: new Set() };
const viewers: readonly Viewer[] = [
  ofTenant,
  { ...ofTenant, tenant: 2 },
  { ...ofTenant, tenant: null },
];

describe(`a page of ${size}`, () => {
  const filters: Readonly<Record<string, AuditFilter>> = {
    none: {},
    'who did much': { actors: ['token:many'] },
    'who did little': { actors: ['token:rare'] },
    'what is done much': { actions: ['enqueueCommand'] },
    'what is done rarely': { actions: ['rare'] },
    'a time to begin with': { from: noon },
    'a time to end with': { until: noon },
    'times that are close': { from: noon, until: new Date(Number(noon) + 86_400_000) },
    'times and who did much': { until: noon, actors: ['token:many'] },
  };

  it.each(Object.entries(filters))(
    'audit entries costs a page, filtered by %s',
    async (_, filter) => {
      for (const at of [middle, { ...middle, micros: null }]) {
        for (const viewer of viewers) {
          for (const stretch of stretches(at)) {
            const { buffers, said } = await costOf(store.database.graph, (db) =>
              auditPage(db, viewer, filter, stretch),
            );
            expect(buffers, `${viewer.tenant} ${said}`).toBeLessThan(mostBuffers);
          }
        }
      }
    },
  );

  it('jobs costs a page', async () => {
    const at = { createdMicros: middle.micros, id: '00000000-0000-4000-8000-000000000000' };
    for (const viewer of viewers) {
      for (const stretch of stretches(at)) {
        const { buffers, said } = await costOf(store.database.graph, (db) =>
          jobPage(db, viewer, {}, stretch),
        );
        expect(buffers, `${viewer.tenant} ${said}`).toBeLessThan(mostBuffers);
      }
    }
  });

  // As Prisma asks for them.
  it.each([
    [
      'invitations, renewals of devices being none',
      `select key from enrollment_invitation
       where enrollment_key is null and key < 9223372036854775807 order by key desc limit 21`,
    ],
    [
      'invitations of a tenant',
      `select key from enrollment_invitation where tenant_id = 1 and enrollment_key is null
       order by key desc limit 21`,
    ],
    [
      'renewals in a state that few are in',
      `select enrollment_key from certificate_renewal where state in ('FAILED')
       order by enrollment_key limit 21`,
    ],
  ])('%s costs a page', async (_, text) => {
    const { buffers, said } = await costOf(store.database.graph, (db) => db.query(text, []));
    expect(buffers, said).toBeLessThan(mostBuffers);
  });
});
