import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TypedDocumentString } from '../../generated/gql/graphql.ts';
import { packageRoot } from '../../server/store/package-root.ts';
import { askText } from '../graph/ask.ts';
import { bySse } from '../graph/subscribe.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';

const page = readFileSync(join(packageRoot(), 'docs', 'enrollments.md'), 'utf8');
const examples = new Map(
  [...page.matchAll(/```graphql\n(\w+ (\w+)[\s\S]*?)```/g)].map(([, text = '', name = '']) => [
    name,
    text,
  ]),
);

describe('docs/enrollments.md', () => {
  let server: TestServer;
  let id: string;
  let serialNumber: string;

  beforeAll(async () => {
    server = await startServer();
    const device = await server.device(1);
    await device.enrol();
    id = device.enrollmentId;
    const { rows } = await server.store.database.graph.query<{ serial_number: string }>(
      'select serial_number from enrollment where id = $1',
      [id],
    );
    serialNumber = rows[0]?.serial_number ?? '';
  });
  afterAll(() => server.stop());

  const graph = () => ({ url: `${server.url}/graphql`, wsUrl: '' });
  const ask = async (name: string, variables: object = {}) => {
    const { data, errors } = await askText(
      graph(),
      adminToken,
      examples.get(name) ?? '',
      variables,
    );
    expect(errors).toBeUndefined();
    return data;
  };

  it('has no other examples than are tried here', () => {
    const tried = ['Find', 'List', 'Tag', 'Untag', 'Tags', 'Note', 'Cursor', 'Changes'];
    expect([...examples.keys()]).toEqual(tried);
  });

  it('tags, notes, finds and lists a device, and follows what was done', async () => {
    const { eventCursor: after } = Object(await ask('Cursor'));
    const targets = { ids: [id] };
    expect(await ask('Tag', { targets, tags: ['lab', 'old'] })).toMatchObject({
      tagEnrollments: { targetCount: 1, changedCount: 1, unknownIds: [] },
    });
    expect(await ask('Untag', { targets, tags: ['old'] })).toMatchObject({
      untagEnrollments: { changedCount: 1 },
    });
    expect(await ask('Tags')).toEqual({
      tags: { edges: [{ node: { name: 'lab', enrollmentCount: 1, hasMore: false } }] },
    });
    expect(await ask('Note', { id, notes: 'Broken screen' })).toMatchObject({
      setEnrollmentNotes: { enrollment: { notes: 'Broken screen' } },
    });
    expect(await ask('Find', { serialNumber })).toMatchObject({
      enrollment: {
        enrollmentId: id,
        enabled: true,
        tags: ['lab'],
        certificate: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
        certificates: { edges: [{ node: { state: 'CURRENT' } }] },
      },
    });
    expect(await ask('List')).toMatchObject({
      enrollments: {
        edges: [{ node: { enrollmentId: id } }],
        totalCount: 1,
        totalCountIsEstimate: false,
      },
    });
    const changes = await bySse<unknown, object>(
      graph(),
      adminToken,
      new TypedDocumentString(examples.get('Changes') ?? ''),
      { after, enrollments: [id] },
    );
    const seen: string[] = [];
    while (seen.length < 3) {
      const { value } = await changes.next();
      const { __typename: type } = Object(Object(value.data).enrollmentChanged);
      // What it did before may be counted only now.
      if (/Tags|Notes/.test(String(type))) seen.push(String(type));
    }
    expect(seen).toEqual([
      'EnrollmentTagsChangedEvent',
      'EnrollmentTagsChangedEvent',
      'EnrollmentNotesChangedEvent',
    ]);
    await changes.close();
  });
});
