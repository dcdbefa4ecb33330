import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Channel } from '../../clients/simulator/channel.ts';
import type { Device } from '../../clients/simulator/device.ts';
import type { Answer } from '../../clients/simulator/responders.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { eventTypesOf, eventsOf, fingerprintOf, queueOf, resultsOf } from './stored.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

let devices = 0;

async function enrolled(): Promise<Device> {
  const device = await server.device(devices++);
  await device.enrol();
  return device;
}

/** Queues commands whose uuids begin with the device's number, so that names can be short. */
async function queue(device: Device, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await enqueue(server, [device.enrollmentId], aCommand(uuidOf(device, name)));
  }
}

function uuidOf(device: Device, name: string): string {
  return `${device.facts.serialNumber}-${name}`;
}

/** Plays `Idle`, or `<status> <name>`, and tells the names of what each was answered with. */
async function play(
  device: Device,
  steps: readonly string[],
  channel: Channel = device.channel,
): Promise<readonly string[]> {
  const answers: string[] = [];
  for (const step of steps) {
    const [status = '', name = ''] = step.split(' ');
    const next =
      status === 'Idle'
        ? await channel.poll()
        : await channel.report(uuidOf(device, name), { status: status as Answer['status'] });
    answers.push(next?.uuid.slice(device.facts.serialNumber.length + 1) ?? '-');
  }
  return answers;
}

describe('the queue of a device', () => {
  it.each([
    {
      name: 'hands out first in, first out, the same again until it is reported',
      queued: ['1', '2'],
      steps: ['Idle', 'Idle', 'Acknowledged 1', 'Acknowledged 2', 'Idle'],
      answers: ['1', '1', '2', '-', '-'],
    },
    {
      name: 'brings a command back after NotNow with the next poll, not at once',
      queued: ['3'],
      steps: ['Idle', 'NotNow 3', 'Idle', 'Acknowledged 3', 'Idle'],
      answers: ['3', '-', '3', '-', '-'],
    },
    {
      name: 'passes over all that are put off, until a report of another kind',
      queued: ['D', 'E', 'F'],
      steps: [
        ...['Idle', 'NotNow D', 'NotNow E', 'Acknowledged F'],
        ...['NotNow D', 'Idle', 'Acknowledged D', 'Error E'],
      ],
      answers: ['D', 'E', 'F', 'D', '-', 'D', 'E', '-'],
    },
    {
      name: 'brings back what was put off with the next answer, not only with a poll',
      queued: ['A', 'B'],
      steps: ['Idle', 'NotNow A', 'Acknowledged B'],
      answers: ['A', 'B', 'A'],
    },
    {
      name: 'goes on after Error, CommandFormatError and words that nobody knows',
      queued: ['1', '2', '3', '4'],
      steps: ['Idle', 'Error 1', 'CommandFormatError 2', 'idle 3', 'Whatever 4'],
      answers: ['1', '2', '3', '4', '-'],
    },
    {
      name: 'takes reports in any order',
      queued: ['1', '2', '3'],
      steps: ['Acknowledged 3', 'Acknowledged 1', 'Acknowledged 2'],
      answers: ['1', '2', '-'],
    },
  ])('$name', async ({ queued, steps, answers }) => {
    const device = await enrolled();
    expect(await play(device, ['Idle'])).toEqual(['-']);
    await queue(device, ...queued);
    expect(await play(device, steps)).toEqual(answers);
  });

  it('never lets a command that is always put off hold up the others', async () => {
    const device = await enrolled();
    await queue(device, 'never', '1', '2', '3');
    for (const name of ['1', '2', '3']) {
      const steps = ['Idle', 'NotNow never', `Acknowledged ${name}`];
      expect(await play(device, steps)).toEqual(['never', name, 'never']);
    }
    expect(await queueOf(server, device.enrollmentId)).toEqual([uuidOf(device, 'never')]);
  });

  it('keeps how often a command was put off, with an event each time', async () => {
    const device = await enrolled();
    await queue(device, 'D', 'E');
    await play(device, ['NotNow D', 'NotNow E', 'Idle', 'NotNow D', 'Acknowledged D', 'Error E']);
    const results = await resultsOf(server, device.enrollmentId);
    expect(results).toEqual([
      {
        uuid: uuidOf(device, 'D'),
        ended: 'ANSWERED',
        status: 'Acknowledged',
        tally: 2,
        has_result: true,
      },
      { uuid: uuidOf(device, 'E'), ended: 'ANSWERED', status: 'Error', tally: 1, has_result: true },
    ]);
    const events = (await eventsOf(server, device.enrollmentId)).slice(2);
    const told = events.map(({ type, data }) => [type, data['status'], data['notNowTally']]);
    expect(told).toEqual([
      ['CommandNotNow', 'NotNow', 1],
      ['CommandNotNow', 'NotNow', 1],
      ['CommandNotNow', 'NotNow', 2],
      ['CommandAnswered', 'Acknowledged', 2],
      ['CommandAnswered', 'Error', 1],
    ]);
  });

  it('is not written to by a poll', async () => {
    const device = await enrolled();
    await queue(device, '1');
    const before = await fingerprintOf(server);
    expect(await play(device, ['Idle', 'Idle'])).toEqual(['1', '1']);
    expect(await fingerprintOf(server)).toEqual(before);
  });

  it('is apart from that of its user, also for one command to both', async () => {
    const device = await enrolled();
    const user = device.user({ shortName: 'ann', longName: 'Ann', id: 'USER-1' });
    await user.tokenUpdate();
    const userId = `${device.enrollmentId}:USER-1`;
    await enqueue(server, [device.enrollmentId, userId], aCommand(uuidOf(device, 'both')));
    expect(await play(device, ['Idle', 'NotNow both'])).toEqual(['both', '-']);
    expect(await play(device, ['Idle', 'Acknowledged both'], user)).toEqual(['both', '-']);
    expect(await play(device, ['Idle', 'Error both'])).toEqual(['both', '-']);
    expect(await resultsOf(server, userId)).toMatchObject([{ status: 'Acknowledged', tally: 0 }]);
    expect(await resultsOf(server, device.enrollmentId)).toMatchObject([
      { status: 'Error', tally: 1 },
    ]);
  });

  it.each([
    ['odd spacing and comments', (plist: string) => plist.replaceAll('\t', '  <!-- é 漢 -->\n')],
    ['CRLF', (plist: string) => plist.replaceAll('\n', '\r\n')],
    ['no declaration', (plist: string) => plist.slice(plist.indexOf('<plist'))],
    ['a blank line first', (plist: string) => `\n${plist.slice(plist.indexOf('<plist'))}`],
  ])('hands out the bytes as they were enqueued: %s', async (what, write) => {
    const device = await enrolled();
    for (const type of ['ProfileList', 'InstallProfile']) {
      const uuid = uuidOf(device, `${type} ${what}`);
      const plist = write(aCommand(uuid, type, { Payload: Buffer.from('a secret') }));
      await enqueue(server, [device.enrollmentId], plist);
      const command = await device.channel.poll();
      expect(command?.raw.toString('utf8')).toBe(plist);
      expect(await device.channel.report(uuid, { status: 'Acknowledged' })).toBeNull();
    }
  });
});

describe('a device that enrols anew', () => {
  it('loses its queue and its users’, which goes to history with its reason and an event', async () => {
    const device = await enrolled();
    const user = device.user({ shortName: 'ann', longName: 'Ann', id: 'USER-1' });
    await user.tokenUpdate();
    const ids = [device.enrollmentId, `${device.enrollmentId}:USER-1`];
    for (const name of ['1', '2']) await enqueue(server, ids, aCommand(uuidOf(device, name)));
    await play(device, ['NotNow 1']);
    await device.enrol();
    expect(await play(device, ['Idle'])).toEqual(['-']);
    expect(await play(device, ['Idle'], user)).toEqual(['-']);
    await user.tokenUpdate();
    expect(await play(device, ['Idle'], user)).toEqual(['-']);
    for (const [place, id] of ids.entries()) {
      expect(await resultsOf(server, id)).toEqual([
        {
          uuid: uuidOf(device, '1'),
          ended: 'RE_ENROLLED',
          status: null,
          tally: place === 0 ? 1 : 0,
          has_result: false,
        },
        {
          uuid: uuidOf(device, '2'),
          ended: 'RE_ENROLLED',
          status: null,
          tally: 0,
          has_result: false,
        },
      ]);
      const ended = (await eventTypesOf(server, id)).filter((type) => type === 'CommandEnded');
      expect(ended).toHaveLength(2);
    }
  });

  it('is handed nothing between its Authenticate and its TokenUpdate', async () => {
    const device = await enrolled();
    await device.authenticate();
    await expect(queue(device, '1')).rejects.toThrow('NOT_ENABLED');
    expect(await play(device, ['Idle'])).toEqual(['-']);
    await device.tokenUpdate();
    await queue(device, '2');
    expect(await play(device, ['Idle'])).toEqual(['2']);
  });
});
