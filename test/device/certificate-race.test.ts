import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issueIdentity } from '../../clients/simulator/identity.ts';
import { databaseLanes } from '../harness/database.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { enrollmentOf, rowsOf } from './stored.ts';

describe.each(databaseLanes())('two devices with one certificate, on the %s database', (lane) => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer({ lane });
  });
  afterAll(() => server.stop());

  it.each([
    ['both are new', false, false],
    ['one is known', true, false],
    ['both are known', true, true],
  ])(
    'are one too many: exactly one is bound, the other stores nothing (%s)',
    async (what, ...known) => {
      for (let round = 0; round < 20; round++) {
        const identity = await issueIdentity(server.authority, { commonName: `${what} ${round}` });
        const pair = await Promise.all(
          known.map(async (isKnown, place) => {
            const number = known.filter(Boolean).length * 1_000 + round * 2 + place;
            const device = await server.device(number);
            if (isKnown) await device.enrol();
            device.identity = identity;
            return device;
          }),
        );
        const before = await Promise.all(
          pair.map((each) => enrollmentOf(server, each.enrollmentId)),
        );
        const replies = await Promise.all(pair.map((device) => device.authenticate()));
        expect(replies.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
        const loser = replies.findIndex(({ status }) => status === 409);
        const id = pair[loser]?.enrollmentId ?? '';
        expect(await enrollmentOf(server, id)).toEqual(before[loser]);
        const bound = await rowsOf<{ id: string }>(
          server,
          `select e.id from device_certificate d join enrollment e on e.key = d.device_key
         where d.der = $1`,
          [identity.certificate],
        );
        expect(bound).toEqual([{ id: pair[1 - loser]?.enrollmentId }]);
      }
    },
  );
});
