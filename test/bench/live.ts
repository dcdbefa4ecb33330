import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { buildCommand } from '../../server/protocol/messages/command.ts';
import { graphmdm } from './contenders/graphmdm.ts';
import { type BenchGraph, quantile, startBenchGraph } from './graph-server.ts';
import { deliveryKey, type LiveSaid, type LiveWord, monotonicMs } from './live-words.ts';
import {
  type BenchDevice,
  enrolMessages,
  idleMessage,
  makeDevices,
  resultMessage,
} from './load/devices.ts';
import { type Answer, type Connection, openConnection } from './load/http.ts';
import { writeMeasured } from './measured.ts';
import { memoryMegabytes, processorSeconds } from './processor-time.ts';
import { readShapes } from './shape.ts';
import { tableOf } from './table.ts';
import { openTemplates } from './templates.ts';

/** Subscriptions for each token; the server allows 500. */
const eachToken = 250;

/**
 * Many subscribers, each with a filter, while devices report at a steady rate: the time from when a report
 * is sent until the last of those who follow its device has it, and the memory of the server.
 */
export async function benchLive(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    options: {
      subscribers: { type: 'string', default: '1000' },
      devices: { type: 'string', default: '200' },
      'per-second': { type: 'string', default: '200' },
      seconds: { type: 'string', default: '20' },
      'warm-up': { type: 'string', default: '5' },
      processes: { type: 'string', default: '1' },
      polls: { type: 'string', default: '0' },
      shapes: { type: 'string' },
      keep: { type: 'boolean', default: false },
      folder: { type: 'string' },
    },
  });
  const [shape] = values.shapes === undefined ? [] : readShapes(values.shapes);
  const templates = openTemplates(values.keep);
  const template = shape === undefined ? undefined : await templates.of(graphmdm, shape);
  const perSecond = Number(values['per-second']);
  const warmUp = perSecond * Number(values['warm-up']);
  const plan: Plan = {
    subscribers: Number(values.subscribers),
    devices: Number(values.devices),
    perSecond,
    polls: Number(values.polls),
    warmUp,
    reports: warmUp + perSecond * Number(values.seconds),
  };
  const flags = values.processes === '1' ? [] : ['--workers', values.processes];
  const server = await startBenchGraph('live', flags, template);
  try {
    const figures = await run(server, plan);
    const row = {
      enrolments: shape?.enrollments ?? plan.devices,
      subscribers: plan.subscribers,
      processes: Number(values.processes),
      ...figures,
    };
    process.stdout.write(tableOf([row]));
    const title = `live, ${row.enrolments} enrolments, processes: ${row.processes}`;
    if (values.folder !== undefined) writeRow(title, row, values.folder);
    if (figures.lost > 0 || figures.doubled > 0) process.exitCode = 1;
  } finally {
    await server.stop();
    await templates.end();
  }
}

function writeRow(title: string, row: Readonly<Record<string, number>>, folder: string): void {
  const names = Object.keys(row);
  const lines = [names, names.map(() => '---'), Object.values(row)];
  const markdown = `## ${title}\n\n${lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('')}`;
  const wrong = ['lost', 'doubled'].filter((name) => (row[name] ?? 0) > 0);
  writeMeasured(folder, { title, markdown, problems: wrong });
}

interface Plan {
  readonly subscribers: number;
  readonly devices: number;
  readonly perSecond: number;
  /** Polls a second besides, over connections of their own. */
  readonly polls: number;
  /** Reports that are not counted. */
  readonly warmUp: number;
  readonly reports: number;
}

async function run(server: BenchGraph, plan: Plan) {
  const { authority, host, port, pid } = server;
  const devices = makeDevices(authority, {
    // Others than those that a filled database has.
    ...{ first: 50_000_000, step: 1, count: plan.devices, proof: 'signature', key: 'rsa' },
    host: `${host}:${port}`,
  });
  const connections = Array.from({ length: 32 }, () => openConnection(host, port));
  const pollConnections = connections.map(() => openConnection(host, port));
  try {
    const [first] = connections;
    for (const [number, device] of devices.entries()) {
      for (const message of enrolMessages(device, number)) if (first) await sent(first, message);
    }
    const uuids = await queue(server, devices, Math.ceil(plan.reports / plan.devices));
    const reports = Array.from({ length: plan.reports }, (_, at) => {
      const device = devices[at % devices.length];
      const uuid = uuids[Math.floor(at / devices.length)];
      if (device === undefined || uuid === undefined) throw new Error('too few are planned');
      return { key: deliveryKey(device.udid, uuid), message: resultMessage(device, uuid, 200) };
    });
    const idleMessages = devices.map(idleMessage);
    const memoryBefore = memoryMegabytes(pid);
    const subscribers = await subscribe(server, devices, plan.subscribers);
    const memory = watchMemory(pid);
    const { postmaster } = server.database;
    const processor = () => [processorSeconds(pid), processorSeconds(postmaster ?? 0)];
    const [before, beganAt] = [processor(), performance.now()];
    const polls = Array.from(
      { length: Math.round((plan.polls * plan.reports) / plan.perSecond) },
      (_, at) => ({ message: idleMessages[at % idleMessages.length] ?? Buffer.alloc(0) }),
    );
    const [began] = await Promise.all([
      sendAll(connections, reports, plan.perSecond),
      sendAll(pollConnections, polls, plan.polls),
    ]);
    const seconds = (performance.now() - beganAt) / 1000;
    const [serverCores = 0, databaseCores = 0] = processor().map((value, at) =>
      rounded((value - (before[at] ?? 0)) / seconds, 2),
    );
    const followers = (at: number) => followersOf(at % plan.devices, plan);
    const expected = reports.reduce((sum, _, at) => sum + followers(at), 0);
    const collected = await subscribers.collect(expected);
    const megabytes = await memory.stop();
    subscribers.stop();
    return {
      'results/s': plan.perSecond,
      'polls/s': plan.polls,
      ...figuresOf(reports, began, followers, collected, plan.warmUp),
      'MB before': Math.round(memoryBefore),
      'MB most': Math.round(megabytes),
      'server cores': serverCores,
      'PostgreSQL cores': databaseCores,
    };
  } finally {
    for (const connection of [...connections, ...pollConnections]) connection.close();
  }
}

/** How many subscribers follow a device. */
function followersOf(device: number, { subscribers, devices }: Plan): number {
  return Math.floor((subscribers - device - 1) / devices) + 1;
}

function figuresOf(
  reports: readonly { readonly key: string }[],
  began: readonly number[],
  followers: (at: number) => number,
  collected: Extract<LiveSaid, { say: 'collected' }>,
  warmUp: number,
) {
  for (const problem of collected.problems) process.stderr.write(`${problem}\n`);
  const came = new Map(collected.came.map(([key, times, last]) => [key, { times, last }]));
  const latencies: number[] = [];
  let [lost, doubled] = [0, 0];
  for (const [at, { key }] of reports.entries()) {
    const { times = 0, last = 0 } = came.get(key) ?? {};
    lost += Math.max(0, followers(at) - times);
    doubled += Math.max(0, times - followers(at));
    if (at >= warmUp && times > 0) latencies.push(last - (began[at] ?? 0));
  }
  const ms = (part: number) => rounded(quantile(latencies, part), 1);
  return { 'p50 ms': ms(0.5), 'p99 ms': ms(0.99), 'most ms': ms(1), lost, doubled };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** Queues so many commands for all devices. */
async function queue(server: BenchGraph, devices: readonly BenchDevice[], many: number) {
  const uuids = Array.from({ length: many }, () => randomUUID());
  const shape = z.object({ enqueueCommand: z.object({ queuedCount: z.number() }) });
  for (const uuid of uuids) {
    await server.ask(
      `mutation ($ids: [ID!]!, $plist: String!) {
        enqueueCommand(input: { targets: { ids: $ids }, command: { plist: $plist }, push: false }) {
          ... on EnqueueCommandPayload { queuedCount } ... on Error { message }
        }
      }`,
      {
        ids: devices.map(({ udid }) => udid),
        plist: buildCommand('DeviceInformation', { Queries: ['OSVersion'] }, uuid).toString(),
      },
      shape,
    );
  }
  return uuids;
}

/** Starts the subscribers; each follows one device. */
async function subscribe(server: BenchGraph, devices: readonly BenchDevice[], many: number) {
  const tokens = [];
  const made = z.object({ createApiToken: z.object({ secret: z.string() }) });
  for (let first = 0; first < many; first += eachToken) {
    const { createApiToken } = await server.ask(
      `mutation ($name: String!) {
        createApiToken(input: { name: $name, scopes: ["commands:read", "enrollments:read"] }) {
          ... on NewApiTokenPayload { secret } ... on Error { message }
        }
      }`,
      { name: `subscribers from ${first}` },
      made,
    );
    tokens.push(createApiToken.secret);
  }
  const cursor = z.object({ eventCursor: z.string() });
  const { eventCursor: after } = await server.ask('{ eventCursor }', {}, cursor);
  const program = fileURLToPath(new URL('live-subscribers.ts', import.meta.url));
  const child = fork(program, [], { execArgv: ['--import', 'tsx'] });
  const told = async <Say extends LiveSaid['say']>(word: LiveWord, say: Say) => {
    child.send(word);
    const [said]: LiveSaid[] = await once(child, 'message');
    if (said?.say !== say) throw new Error(`the subscribers said ${said?.say}`);
    return said as Extract<LiveSaid, { say: Say }>;
  };
  const follow = Array.from({ length: many }, (_, at) => [
    devices[at % devices.length]?.udid ?? '',
  ]);
  const order = { url: `${server.url}/graphql`, tokens, follow, after };
  await told({ do: 'subscribe', order }, 'subscribed');
  return {
    collect: (expected: number) => told({ do: 'collect', expected }, 'collected'),
    stop: () => child.disconnect(),
  };
}

/** Sends reports at a steady rate. @returns when each was begun, by `monotonicMs` */
async function sendAll(
  connections: readonly Connection[],
  reports: readonly { readonly message: Buffer }[],
  perSecond: number,
): Promise<readonly number[]> {
  const began: number[] = [];
  const idle = [...connections];
  const under: Promise<unknown>[] = [];
  let freed = (): void => {};
  const start = monotonicMs();
  for (const [at, { message }] of reports.entries()) {
    const due = start + (at * 1000) / perSecond - monotonicMs();
    if (due > 1) await delay(due);
    // All are busy: late is late, and is told.
    if (idle.length === 0) await new Promise<void>((resolve) => (freed = resolve));
    const connection = idle.pop();
    if (connection === undefined) continue;
    began.push(monotonicMs());
    under.push(
      sent(connection, message).finally(() => {
        idle.push(connection);
        freed();
      }),
    );
  }
  await Promise.all(under);
  return began;
}

function sent(connection: Connection, message: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    connection.send(message, (answer) => {
      if (answer instanceof Error) reject(answer);
      else if (answer.status === 200) resolve(answer);
      else reject(new Error(`status ${answer.status}`));
    });
  });
}

/** The most memory from now on. */
function watchMemory(pid: number) {
  let most = memoryMegabytes(pid);
  const timer = setInterval(() => {
    most = Math.max(most, memoryMegabytes(pid));
  }, 500);
  return {
    async stop() {
      clearInterval(timer);
      return Math.max(most, memoryMegabytes(pid));
    },
  };
}
