import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askText } from './ask.ts';
import { type GraphServer, startGraph } from './graph-server.ts';

// Lists of things that are swept, or go in other ways, while somebody pages through them.

const size = 7;
const each = `from generate_series(1, ${size}) n`;

/** A list, how its rows are made, and how one of them goes. */
interface List {
  readonly name: string;
  /** What the list stands in, to be put around it. */
  readonly within?: readonly [before: string, behind: string];
  /** Inserts `size` of them; `$1` is the list's name. */
  readonly insert: string;
  /** Deletes the row that stands at this place, counted from 0. */
  readonly remove: string;
}

const sha = `sha256(($1 || n)::bytea)`;
const uuid = 'gen_random_uuid()';

const lists: readonly List[] = [
  {
    name: 'apiTokens',
    insert: `insert into api_token (id, tenant_id, name, sha256, scopes) select ${uuid}, 1, $1, ${sha}, '{}' ${each}`,
    remove: 'api_token where key = (select key from api_token order by key desc',
  },
  {
    name: 'tenants',
    insert: `insert into tenant (id, name) select 100 + n, $1 || n ${each}`,
    remove: 'tenant where id = (select id from tenant order by id',
  },
  {
    name: 'auditEntries',
    insert: `insert into audit_entry (tenant_id, actor, action, details) select 1, $1, 'x', '{}' ${each}`,
    remove: 'audit_entry where key = (select key from audit_entry order by key desc',
  },
  {
    name: 'jobs',
    // Two of one moment each, a microsecond apart.
    insert: `insert into job (id, tenant_id, kind, state, input, created_by, created_at)
      select ${uuid}, 1, 'PUSH', 'SUCCEEDED', '{}', $1, timestamptz '2026-01-01' + (n / 2) * interval '1 microsecond' ${each}`,
    remove: 'job where id = (select id from job order by created_at desc, id desc',
  },
  {
    name: 'errors',
    within: ['job(id: "00000000-0000-4000-8000-000000000001") {', '}'],
    insert: `with job as (insert into job (id, tenant_id, kind, state, input, created_by)
      values ('00000000-0000-4000-8000-000000000001', 1, 'PUSH', 'SUCCEEDED', '{}', 'x') returning id)
      insert into job_error (job_id, code, message) select job.id, $1, 'x' ${each}, job`,
    remove: 'job_error where key = (select key from job_error order by key',
  },
  {
    name: 'enrollmentInvitations',
    insert: `insert into enrollment_invitation (id, tenant_id, challenge_sha256, tags, expires_at, created_by)
      select ${uuid}, 1, ${sha}, '{}', now(), $1 ${each}`,
    remove:
      'enrollment_invitation where key = (select key from enrollment_invitation order by key desc',
  },
  {
    name: 'issuedCertificates',
    insert: `insert into issued_certificate (tenant_id, serial, sha256, subject, issuer_sha256, public_key_sha256,
        requester_key_sha256, transaction_id, purpose_sha256, not_before, not_after, issued_at)
      select 1, $1 || n, ${sha}, 'x', ${sha}, ${sha}, ${sha}, $1 || n, ${sha}, now(), now(), now() ${each}`,
    remove: 'issued_certificate where key = (select key from issued_certificate order by key desc',
  },
  {
    name: 'certificateRenewals',
    insert: `with device as (insert into enrollment (id, tenant_id, kind)
        select $1 || n, 1, 'DEVICE' ${each} returning key)
      insert into certificate_renewal (enrollment_key, certificate_sha256, not_after, state, noticed_at)
      select device.key, sha256('x'), now(), 'ASKED', now() from device`,
    remove:
      'certificate_renewal where enrollment_key = (select enrollment_key from certificate_renewal order by enrollment_key',
  },
  {
    name: 'projectionFailures',
    insert: `insert into projection_failure (projection, event_id, event_seq, event_type, tenant_id, reason)
      select $1 || n % 2, n / 2, n, 'CommandAnswered', 1, 'x' ${each}`,
    remove:
      'projection_failure where (event_id, projection) = (select event_id, projection from projection_failure order by event_id desc, projection',
  },
];

let server: GraphServer;
let token: string;

beforeAll(async () => {
  server = await startGraph();
  ({ token } = await server.token({ tenant: null }));
});
afterAll(() => server.stop());

interface Page {
  readonly edges: readonly { readonly cursor: string }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly hasPreviousPage: boolean };
}

async function asked({ name, within = ['', ''] }: List, args: string) {
  const [before, behind] = within;
  const { data, errors } = await askText(
    server,
    token,
    `{ ${before} ${name}(${args}) { edges { cursor } pageInfo { hasNextPage hasPreviousPage } } ${behind} }`,
  );
  const found = Object(data);
  const page: Page | undefined = found[name] ?? Object(found.job)[name];
  return { page, errors };
}

async function pageOf(list: List, args: string) {
  const { page, errors } = await asked(list, args);
  if (!page) throw new Error(JSON.stringify(errors));
  return { ...page.pageInfo, cursors: page.edges.map(({ cursor }) => cursor) };
}

const quoted = (text: string | undefined) => JSON.stringify(text ?? '');

describe.each(lists)('$name', (list) => {
  let all: readonly string[];

  beforeAll(async () => {
    await server.pool.query(list.insert, [list.name]);
    all = (await pageOf(list, 'first: 100')).cursors;
    expect(new Set(all).size).toBe(all.length);
    expect(all.length).toBeGreaterThanOrEqual(size);
  });

  it('is the same from both ends, page by page', async () => {
    const forwards: string[] = [];
    for (let more = true; more; ) {
      const { cursors, hasNextPage } = await pageOf(
        list,
        `first: 2, after: ${forwards.length ? quoted(forwards.at(-1)) : 'null'}`,
      );
      forwards.push(...cursors);
      more = hasNextPage;
    }
    expect(forwards).toEqual(all);
    const backwards: string[] = [];
    for (let more = true; more; ) {
      const { cursors, hasPreviousPage } = await pageOf(
        list,
        `last: 2, before: ${backwards.length ? quoted(backwards[0]) : 'null'}`,
      );
      backwards.unshift(...cursors);
      more = hasPreviousPage;
    }
    expect(backwards).toEqual(all);
  });

  it('goes on, both ways, at a cursor whose row has gone', async () => {
    const { rowCount } = await server.pool.query(`delete from ${list.remove} offset 2 limit 1)`);
    expect(rowCount).toBe(1);
    const [, , gone] = all;
    expect(await pageOf(list, `first: 2, after: ${quoted(gone)}`)).toEqual({
      cursors: all.slice(3, 5),
      hasNextPage: true,
      hasPreviousPage: true,
    });
    expect(await pageOf(list, `last: 5, before: ${quoted(gone)}`)).toEqual({
      cursors: all.slice(0, 2),
      hasNextPage: true,
      hasPreviousPage: false,
    });
  });

  it.each([
    [
      `after: ${quoted(Buffer.from('["another list","1"]').toString('base64url'))}`,
      'CURSOR_INVALID',
    ],
    ['before: ""', 'CURSOR_INVALID'],
    ['first: -1', 'PAGE_SIZE'],
    ['last: 101', 'PAGE_SIZE'],
    ['first: 1, last: 1', 'FIRST_AND_LAST'],
  ])('refuses %s', async (args, code) => {
    const { errors } = await asked(list, args);
    expect(errors).toMatchObject([
      { path: expect.arrayContaining([list.name]), extensions: { code } },
    ]);
  });
});
