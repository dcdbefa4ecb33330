import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { createDecoder } from '../../server/mdm/inventory/decoder.ts';
import { createHandOver, longAnswer } from '../../server/mdm/inventory/hand-over.ts';
import { toldBy } from '../../server/mdm/inventory/told.ts';
import { systemClock } from '../../server/model/clock.ts';
import { silentLog } from '../../server/model/log.ts';
import { createKeyring } from '../../server/secrets/keyring.ts';
import { readAnswers } from '../../server/store/inventory/answers.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { turnedClock } from '../events/turned-clock.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { answered, projected } from './answering.ts';
import { inventoryOf } from './documents.ts';

const long = (mark: number) => Buffer.alloc(longAnswer, mark);

describe('handing long answers over', () => {
  it('gives each answer once, to whoever asks for just that', () => {
    const handOver = createHandOver({ clock: turnedClock() });
    handOver.give('1', 'a', long(1));
    handOver.give('2', 'a', long(2));
    expect(handOver.take(1n, 'b')).toBeNull();
    expect(handOver.take(1n, 'a')).toEqual(long(1));
    expect(handOver.take(1n, 'a')).toBeNull();
    expect(handOver.take(2n, 'a')).toEqual(long(2));
  });

  it('leaves short answers to the database', () => {
    const handOver = createHandOver({ clock: turnedClock() });
    handOver.give('1', 'a', long(1).subarray(1));
    expect(handOver.take(1n, 'a')).toBeNull();
  });

  it('holds no more than it has room for: the oldest make room', () => {
    const handOver = createHandOver({ clock: turnedClock(), room: 2 * longAnswer });
    for (const mark of [1, 2, 3]) handOver.give('1', String(mark), long(mark));
    handOver.give('1', 'larger than all', Buffer.alloc(2 * longAnswer + 1));
    handOver.give('1', '3', long(4));
    expect(handOver.take(1n, '1')).toBeNull();
    expect(handOver.take(1n, 'larger than all')).toBeNull();
    expect(handOver.take(1n, '2')).toEqual(long(2));
    expect(handOver.take(1n, '3')).toEqual(long(4));
  });

  it('lets go of what nobody takes', () => {
    const clock = turnedClock();
    const handOver = createHandOver({ clock, patience: 1_000 });
    handOver.give('1', 'a', long(1));
    clock.advance(600);
    handOver.give('1', 'b', long(2));
    clock.advance(600);
    expect(handOver.take(1n, 'a')).toBeNull();
    expect(handOver.take(1n, 'b')).toEqual(long(2));
    handOver.give('1', 'c', long(3));
    clock.advance(2_000);
    expect(handOver.take(1n, 'c')).toBeNull();
  });
});

describe('a long answer', () => {
  let server: TestServer;
  let next = 1;
  beforeAll(async () => {
    server = await startServer();
    // What is stored can't be opened any more: who reads it back fails.
    await server.store.database.graph.query(`
      create function spoilt() returns trigger language plpgsql as $$
      begin
        new.result := set_byte(new.result, octet_length(new.result) - 1,
          255 - get_byte(new.result, octet_length(new.result) - 1));
        return new;
      end $$;
      create trigger spoilt before insert on command_result for each row
      execute function spoilt();
      alter table command_result disable trigger spoilt`);
  });
  afterAll(() => server.stop());

  const spoiling = (does: 'enable' | 'disable') =>
    server.store.database.graph.query(`alter table command_result ${does} trigger spoilt`);

  async function apps(device: Device) {
    await projected(server);
    const graph = { url: `${server.url}/graphql`, wsUrl: '' };
    const { enrollment } = await dataOf(
      ask(graph, adminToken, inventoryOf, { udid: device.enrollmentId }),
    );
    return enrollment?.inventory.applications?.totalCount;
  }

  const list = (many: number) => ({
    InstalledApplicationList: Array.from({ length: many }, (_, at) => ({
      Identifier: `com.example.${at}`,
      Name: 'An application with quite a long name, as some have. '.repeat(4),
    })),
  });

  async function aDevice(): Promise<Device> {
    const device = await server.device(next++);
    await device.enrol();
    return device;
  }

  it('becomes inventory from memory, without being read back', async () => {
    const device = await aDevice();
    await spoiling('enable');
    await answered(server, device, 'InstalledApplicationList', list(1_000));
    await spoiling('disable');
    expect(await apps(device)).toBe(1_000);
  });

  it('is read from the database where it is not in memory', async () => {
    const device = await aDevice();
    const commandUuid = await answered(server, device, 'InstalledApplicationList', list(1_000));
    expect(await apps(device)).toBe(1_000);
    const pool = server.store.database.graph;
    const { rows } = await pool.query<{ enrollment: string; command: string }>(
      `select e.key as enrollment, c.key as command from enrollment e, command c
       where e.id = $1 and c.uuid = $2`,
      [device.enrollmentId, commandUuid],
    );
    const keys = rows.map(({ enrollment, command }) => ({
      enrollmentKey: BigInt(enrollment),
      commandKey: BigInt(command),
    }));
    const [answer] = await readAnswers(pool, keys, longAnswer, []);
    if (answer === undefined) throw new Error('it is not kept');
    expect(answer).toMatchObject({ commandUuid, result: null });
    const decoder = createDecoder({ clock: systemClock, log: silentLog });
    const keyring = createKeyring([Buffer.alloc(32, 7)]);
    const parts = { pool, keyring, decoder, handOver: { take: () => null } };
    try {
      const told = await toldBy(parts, answer, null, null);
      expect(told).toMatchObject({ content: { length: 1_000 } });
      await pool.query('update command_result set result = null where command_key = $1', [
        answer.commandKey,
      ]);
      expect(await toldBy(parts, answer, null, null)).toBeNull();
    } finally {
      await decoder.stop();
    }
  });
});
