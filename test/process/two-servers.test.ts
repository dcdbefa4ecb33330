import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { aCommand } from '../build/commands.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { bySse, byWebSocket } from '../graph/subscribe.ts';
import { emptyDatabase, redisUrl, serverLane } from '../harness/database.ts';
import { scratchFolder, startProcess } from '../harness/process.ts';
import { commandResults, enqueue } from './documents.ts';
import { movingFleet } from './fleet.ts';

const token = 'token-of-the-two-servers';

/** Redis, from the outside: what is published on the channels of one installation. */
async function publishedOn(url: string, prefix: string): Promise<readonly string[]> {
  const redis = new Redis(url);
  onTestFinished(() => redis.disconnect());
  const seen: string[] = [];
  redis.on('pmessage', (_pattern, channel: string) => seen.push(channel));
  await redis.psubscribe(`${prefix}:*`);
  return seen;
}

describe.skipIf(redisUrl() === null)('two servers on one database and one Redis', () => {
  it('hear of each other’s devices and commands', { timeout: 60_000 }, async () => {
    const redis = redisUrl() ?? '';
    const prefix = `graphmdm-test-${randomBytes(6).toString('hex')}`;
    const published = await publishedOn(redis, prefix);
    const store = await emptyDatabase(serverLane());
    onTestFinished(() => store.drop());
    const folder = scratchFolder();
    const fleet = await movingFleet(2, folder);
    onTestFinished(fleet.close);
    const servers = [1, 2].map(() =>
      startProcess(['--listen', '127.0.0.1:0', '--data-dir', folder, '--ca', fleet.ca], {
        env: {
          DATABASE_URL: store.url,
          REDIS_URL: redis,
          GRAPHMDM_REDIS_PREFIX: prefix,
          GRAPHMDM_ADMIN_TOKEN: token,
        },
      }),
    );
    const [one, other] = await Promise.all(servers.map(async ({ listening }) => await listening));
    if (!one || !other) throw new Error('two were started');

    // Devices know one server, commands come by it too; the listeners are at the other.
    fleet.moveTo(one.port);
    for (const device of fleet.devices) await device.enrol();
    const ids = fleet.devices.map(({ enrollmentId }) => enrollmentId);
    const { enqueueCommand: queued } = await dataOf(
      ask({ url: one.graphqlUrl }, token, enqueue, {
        input: { targets: { ids }, command: { plist: aCommand('across') } },
      }),
    );
    if (queued.__typename !== 'EnqueueCommandPayload') throw new Error(JSON.stringify(queued));
    const there = {
      url: other.graphqlUrl,
      wsUrl: other.graphqlUrl.replace('http:', 'ws:'),
    };
    const after = queued.cursor;
    const subscribed = await Promise.all(
      [bySse, byWebSocket].map((by) => by(there, token, commandResults, { after })),
    );

    for (const device of fleet.devices) await device.channel.connect();

    for (const items of subscribed) {
      const heard = [];
      while (heard.length < ids.length) {
        const { value } = await items.next();
        expect(value.errors).toBeUndefined();
        const item = value.data?.commandResults;
        if (item?.__typename === 'CommandAnsweredEvent') heard.push(item);
      }
      expect(heard).toEqual(
        ids.map((enrollmentId) => ({
          __typename: 'CommandAnsweredEvent',
          commandUuid: 'across',
          enrollmentId,
          status: 'Acknowledged',
        })),
      );
      await items.close();
    }
    expect(published).toContain(`${prefix}:events`);
    const exits = await Promise.all(servers.map((server) => server.stop()));
    expect(exits.map(({ status }) => status)).toEqual([0, 0]);
  });
});
