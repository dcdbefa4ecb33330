import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { askText } from './ask.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

describe('a moment that no database knows', () => {
  it.each(['0000-01-01T00:00:00Z', '0001-01-01T00:00:00+01:00', '2026-13-01T00:00:00Z', 'today'])(
    'is refused as an argument: %s',
    async (moment) => {
      const graph = { url: `${server.url}/graphql` };
      const query =
        'query ($at: DateTime!) { enrollments(filter: { enrolledBefore: $at }) { totalCount } }';
      const { errors } = await askText(graph, adminToken, query, { at: moment });
      expect(errors?.map(({ message }) => message)).toEqual([
        expect.stringContaining('A DateTime is written like'),
      ]);
    },
  );
});
