import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settingList } from '../../server/config/table.ts';
import { packageRoot } from '../../server/store/package-root.ts';
import { type EnrollServer, startEnrollServer } from '../enrollment/enroll-server.ts';
import { askText } from '../graph/ask.ts';
import { adminToken } from '../harness/server.ts';

const text = readFileSync(join(packageRoot(), 'docs', 'enrollment.md'), 'utf8');
const examples = [...text.matchAll(/```graphql\n([\s\S]*?)```/g)].map(([, one = '']) => one);

let server: EnrollServer;
beforeAll(async () => {
  server = await startEnrollServer();
});
afterAll(() => server.stop());

describe('the document about enrolment', () => {
  it('has examples that work', async () => {
    const [invite = '', authority = '', renewals = '', supply = ''] = examples;
    const { data } = await askText(server.graph, adminToken, invite);
    expect(data).toMatchObject({
      createEnrollmentInvitation: {
        enrollmentUrl: expect.stringContaining(`${server.url}/enroll/`),
        challenge: expect.any(String),
      },
    });
    const shown = await askText(server.graph, adminToken, authority);
    expect(shown.data).toMatchObject({ deviceAuthority: { issuing: { generation: 1 } } });
    const listed = await askText(server.graph, adminToken, renewals);
    expect(listed.data).toEqual({ certificateRenewals: { edges: [] } });
    const profile = Buffer.from('none').toString('base64');
    const supplied = await askText(server.graph, adminToken, supply, { profile });
    expect(supplied.data).toMatchObject({ recordEnrollmentProfile: { code: 'NOT_A_PROFILE' } });
  });

  it('names settings that there are', () => {
    const flags = new Set(
      settingList.flatMap(({ flag, secret }) => [flag, ...(secret ? [`${flag}-file`] : [])]),
    );
    const named = [...text.replace(/## ACME[\s\S]*/, '').matchAll(/`--([a-z][a-z-]+)/g)].map(
      ([, flag = '']) => flag,
    );
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((flag) => !flags.has(flag))).toEqual([]);
  });
});
