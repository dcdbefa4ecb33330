import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { graphql } from '../../generated/gql/gql.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { type GraphServer, startGraph } from '../graph/graph-server.ts';
import { anEnrollment } from '../graph/rows.ts';

let server: GraphServer;
let token: string;

const hash = (device: number, nth: number) => `${device}${nth}`.padStart(64, '0');

beforeAll(async () => {
  server = await startGraph();
  ({ token } = await server.token());
  const { pool } = server;
  for (let number = 10; number < 40; number += 1) {
    const id = `DEVICE-${number}`;
    const key = await anEnrollment(pool, { id });
    await anEnrollment(pool, { id: `${id}:ANN`, device: id });
    // Three in the same microsecond: the first was replaced by the second, the third is to follow.
    await pool.query(
      `insert into device_certificate (sha256, device_key, subject, issuer, serial, not_before, not_after,
         der, bound_at, current_at, retired_at)
       select decode(lpad($1 || n, 64, '0'), 'hex'), $2, 'CN=' || n, 'CN=CA', 'ab' || n, '2026-01-01Z',
         '2027-01-01Z', case when n < 3 then '\\x3000'::bytea end, '2026-01-01 00:00:00.000001Z',
         case when n < 3 then timestamptz '2026-01-02Z' end, case when n = 1 then timestamptz '2026-02-01Z' end
       from generate_series(1, 3) n`,
      [String(number), key],
    );
    await pool.query(
      `update enrollment set cert_hash = decode($2, 'hex'), pending_cert_hash = decode($3, 'hex')
       where key = $1 or device_key = $1`,
      [key, hash(number, 2), hash(number, 3)],
    );
  }
  const other = await anEnrollment(pool, { id: 'ELSEWHERE', tenant: 2 });
  await pool.query(
    `insert into device_certificate (sha256, device_key) values (decode($1, 'hex'), $2)`,
    [hash(9, 9), other],
  );
  await pool.query(`update enrollment set cert_hash = decode($1, 'hex') where key = $2`, [
    hash(9, 9),
    other,
  ]);
});
afterAll(() => server.stop());

beforeEach(() => {
  server.statements.length = 0;
});

const certificates = graphql(`
  query CertificatesOfDevices(
    $many: Int
    $ids: [ID!]
    $first: Int
    $last: Int
    $after: String
    $before: String
  ) {
    enrollments(first: $many, filter: { ids: $ids }) {
      edges {
        node {
          enrollmentId
          renewing
          tenant {
            name
          }
          certificate {
            sha256
            state
            certificate
          }
          certificates(first: $first, last: $last, after: $after, before: $before) {
            edges {
              cursor
              node {
                sha256
                state
                subject
                issuer
                serialNumber
                notBefore
                expiresAt
                boundAt
                currentAt
                retiredAt
                certificate
              }
            }
            pageInfo {
              hasNextPage
              hasPreviousPage
            }
          }
          enrolledWith {
            topic
            serverUrl
            checkInUrl
            scepUrl
            recordedBy
            recordedAt
          }
          userChannels {
            edges {
              node {
                certificate {
                  sha256
                }
                tenant {
                  name
                }
              }
            }
          }
        }
      }
    }
  }
`);

async function device(id: string, variables: object = {}, as = token) {
  const { enrollments } = await dataOf(ask(server, as, certificates, { ids: [id], ...variables }));
  const node = enrollments.edges[0]?.node;
  if (!node) throw new Error(`no ${id}`);
  return node;
}

describe('the certificates of a device', () => {
  it('are shown with how they stand, the current one on its users’ channels too', async () => {
    const shown = await device('DEVICE-10');
    expect(shown.certificates.edges.map(({ node }) => [node.sha256, node.state])).toEqual([
      [hash(10, 1), 'RETIRED'],
      [hash(10, 2), 'CURRENT'],
      [hash(10, 3), 'PENDING'],
    ]);
    expect(shown.certificates.edges[0]?.node).toEqual({
      sha256: hash(10, 1),
      state: 'RETIRED',
      subject: 'CN=1',
      issuer: 'CN=CA',
      serialNumber: 'ab1',
      notBefore: '2026-01-01T00:00:00.000Z',
      expiresAt: '2027-01-01T00:00:00.000Z',
      boundAt: '2026-01-01T00:00:00.000Z',
      currentAt: '2026-01-02T00:00:00.000Z',
      retiredAt: '2026-02-01T00:00:00.000Z',
      certificate: 'MAA=',
    });
    expect(shown.certificates.edges[2]?.node.certificate).toBeNull();
    expect(shown.certificate).toEqual({
      sha256: hash(10, 2),
      state: 'CURRENT',
      certificate: 'MAA=',
    });
    expect(shown.userChannels.edges[0]?.node.certificate?.sha256).toBe(hash(10, 2));
  });

  it('are paged both ways, though they came at the same moment', async () => {
    const first = (await device('DEVICE-10', { first: 2 })).certificates;
    expect(first.pageInfo.hasNextPage).toBe(true);
    const after = first.edges.at(-1)?.cursor ?? '';
    const rest = (await device('DEVICE-10', { first: 2, after })).certificates;
    expect(rest.edges.map(({ node }) => node.sha256)).toEqual([hash(10, 3)]);
    const last = (await device('DEVICE-10', { last: 2 })).certificates;
    expect(last.edges.map(({ node }) => node.sha256)).toEqual([hash(10, 2), hash(10, 3)]);
    expect(last.pageInfo.hasPreviousPage).toBe(true);
    const wrong = await ask(server, token, certificates, { ids: ['DEVICE-10'], after: 'nonsense' });
    expect(wrong.errors?.[0]?.extensions).toMatchObject({ code: 'CURSOR_INVALID' });
  });

  it('cost as many statements for thirty devices as for one', async () => {
    // The first time, connections and tokens cost statements of their own.
    await dataOf(ask(server, token, certificates, { many: 30 }));
    server.statements.length = 0;
    await dataOf(ask(server, token, certificates, { many: 1 }));
    const forOne = server.statements.length;
    server.statements.length = 0;
    await dataOf(ask(server, token, certificates, { many: 30 }));
    expect(server.statements.length).toBe(forOne);
  });

  it('of another tenant are not there', async () => {
    // As if the row said so: what is read is looked at for itself.
    await server.pool.query(
      `update enrollment set cert_hash = decode($1, 'hex') where id = 'DEVICE-39'`,
      [hash(9, 9)],
    );
    expect((await device('DEVICE-39')).certificate).toBeNull();
    const { token: everywhere } = await server.token({ tenant: null });
    expect((await device('ELSEWHERE', {}, everywhere)).certificate).toMatchObject({
      sha256: hash(9, 9),
      certificate: null,
    });
  });
});

describe('a device', () => {
  it('tells its tenant to who may know tenants', async () => {
    const { token: everywhere } = await server.token({ tenant: null });
    await server.pool.query(
      `insert into tenant (id, name) values (2, 'second') on conflict do nothing`,
    );
    expect((await device('ELSEWHERE', {}, everywhere)).tenant).toEqual({ name: 'second' });
    expect((await device('DEVICE-10')).userChannels.edges[0]?.node.tenant?.name).toEqual(
      expect.any(String),
    );
    const { token: blind } = await server.token({ scopes: ['enrollments:read'] });
    expect((await device('DEVICE-10', {}, blind)).tenant).toBeNull();
  });

  it('tells what it was enrolled with, but for secrets', async () => {
    expect(await device('DEVICE-11')).toMatchObject({ enrolledWith: null, renewing: false });
    const content = {
      topic: 'com.apple.mgmt.t',
      serverUrl: 'https://mdm.example/mdm',
      scepUrl: 'https://mdm.example/scep',
    };
    await server.pool.query(
      `insert into profile_values (sha256, content, profile)
       values ('\\x01', $1, convert_to('the-challenge', 'UTF8'))`,
      [content],
    );
    await server.pool.query(
      `insert into enrollment_profile_values (enrollment_key, profile_values_sha256, recorded_by, recorded_at)
       select key, '\\x01', 'token:ann', '2026-03-01Z' from enrollment where id = 'DEVICE-11'`,
    );
    await server.pool.query(`update enrollment set renewing = true where id = 'DEVICE-11'`);
    server.statements.length = 0;
    const shown = await device('DEVICE-11');
    expect(shown).toMatchObject({
      renewing: true,
      enrolledWith: {
        ...content,
        checkInUrl: null,
        recordedBy: 'token:ann',
        recordedAt: '2026-03-01T00:00:00.000Z',
      },
    });
    const asked = server.statements.filter((text) => text.includes('profile_values'));
    expect(asked.join('\n')).not.toMatch(/"profile"/);
  });
});
