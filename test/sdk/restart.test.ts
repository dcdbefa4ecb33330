import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { isError } from '../../clients/sdk/result.ts';
import { makeAuthority } from '../../clients/simulator/identity.ts';
import { aCommand } from '../build/commands.ts';
import { type TestDatabase, testDatabase } from '../harness/database.ts';
import { adminToken, startServer } from '../harness/server.ts';
import { clientOf, transports } from './transports.ts';

let store: TestDatabase;
beforeAll(async () => {
  store = await testDatabase();
});
afterAll(() => store.drop());

describe.each(transports)('a server that is started anew, followed by %s', (name) => {
  it('is followed on: each target answers once, then it ends by itself', async () => {
    const authority = await makeAuthority({ key: 'ec' });
    const first = await startServer({ store, authority });
    let stop = first.stop;
    onTestFinished(() => stop());
    const numbers = [1, 2, 3, 4].map((number) => number + (name === 'sse' ? 10 : 0));
    const devices = await Promise.all(numbers.map((number) => first.device(number)));
    for (const device of devices) await device.enrol();

    const interruptions: string[] = [];
    const mdm = clientOf(first.url, adminToken, name, {
      onInterruption: ({ cause }) => interruptions.push(String(cause)),
    });
    onTestFinished(() => mdm.close());
    const ids = devices.map(({ enrollmentId }) => enrollmentId);
    const sent = await mdm.enqueue({ targets: { ids }, plist: aCommand(`restart-${name}`) });
    if (isError(sent)) throw new Error(sent.message);
    expect(sent).toMatchObject({ queuedCount: 4, replayed: false });

    // Two answer before anybody follows, one is seen live, one answers after the restart.
    const [one, two, three, four] = devices;
    await one?.channel.connect();
    await two?.channel.connect();
    const results = sent.results({ untilDone: true });
    const seen = [await results.next(), await results.next()];
    const live = results.next();
    await three?.channel.connect();
    seen.push(await live);
    const last = results.next();
    await first.stop();
    const second = await startServer({ store, authority, port: first.port });
    stop = second.stop;
    await four?.channel.connect();
    seen.push(await last);

    expect(seen.map(({ value }) => value)).toEqual(
      ids.map((enrollmentId) =>
        expect.objectContaining({
          __typename: 'CommandAnsweredEvent',
          enrollmentId,
          status: 'Acknowledged',
          result: expect.objectContaining({ decoded: expect.anything() }),
        }),
      ),
    );
    expect(await results.next()).toEqual({ done: true, value: undefined });
    expect(interruptions.length).toBeGreaterThan(0);
  });
});
