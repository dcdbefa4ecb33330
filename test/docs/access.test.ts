import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limits } from '../../server/graphql/limits.ts';
import { scopes } from '../../server/model/viewer.ts';
import { askText } from '../graph/ask.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';

const text = readFileSync(new URL('../../docs/access.md', import.meta.url), 'utf8');

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** Runs the example that the page shows under this name. */
async function example(name: string, variables: object = {}): Promise<unknown> {
  const blocks = [...text.matchAll(/```graphql\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  const query = blocks.find((block) => new RegExp(`^(query|mutation) ${name}\\b`).test(block));
  if (query === undefined) throw new Error(`The page shows no ${name}.`);
  const url = `${server.url}/graphql`;
  const { data, errors } = await askText({ url }, adminToken, query, variables);
  expect(errors).toBeUndefined();
  return data;
}

describe('docs/access.md', () => {
  it('shows who one is, how to make a token, and who did it', async () => {
    expect(await example('Me')).toMatchObject({
      viewer: { actor: 'token:admin', allTenants: true },
    });
    expect(await example('MakeToken')).toMatchObject({
      createApiToken: { secret: expect.stringMatching(/^gmdm_/) },
    });
    expect(await example('WhoDidWhat')).toMatchObject({
      auditEntries: { edges: [{ node: { actor: 'token:admin', action: 'createApiToken' } }] },
    });
  });

  it('shows how to make a tenant and to move a device there', async () => {
    const made = await example('MakeTenant');
    expect(made).toMatchObject({ createTenant: { tenant: { name: 'North School' } } });
    const { tenantId } = Object(made).createTenant.tenant;
    const device = await server.device(1);
    await device.enrol();
    const variables = { serial: device.facts.serialNumber, tenant: tenantId };
    expect(await example('Move', variables)).toMatchObject({
      moveEnrollments: { movedCount: 1, sample: [{ enrollmentId: device.enrollmentId }] },
    });
  });

  it('names every scope and no other', () => {
    const named = [...text.matchAll(/^\| `([a-z]+:[a-z]+)` \|/gm)].map(([, scope]) => scope);
    expect(new Set(named)).toEqual(new Set(scopes));
  });

  it('names the limits as they are', () => {
    for (const limit of Object.values(limits)) {
      expect(text).toMatch(new RegExp(`\\b${limit.toLocaleString('en')}\\b`));
    }
  });
});
