import { createHash } from 'node:crypto';
import { readAuthority } from '../../../clients/simulator/identity.ts';
import {
  type BenchDevice,
  enrolMessages,
  idleMessage,
  makeDevices,
  resultMessage,
} from './devices.ts';
import { type Answer, type Connection, openConnection } from './http.ts';
import type { LoadOrder, LoadOutcome, LoadSaid, LoadTarget } from './words.ts';

// The load comes out of a process of its own, so that what it costs is not the servers', and is told
// apart from them.

interface Prepared {
  readonly target: LoadTarget;
  readonly devices: readonly BenchDevice[];
  readonly polls: readonly Buffer[];
  readonly connections: readonly Connection[];
}

let prepared: Prepared | null = null;
/** Answers that devices have still to give: by device, then by CommandUUID. */
let answers: readonly Map<string, Buffer>[] = [];
let resent = 0;

/** A device's next request after an answer, or null when it is done. */
type Turn = (answer: Answer | null) => Buffer | null;

/** Keeps every connection busy with one device after another until `next` has no more. */
function work(
  { connections }: Prepared,
  next: () => Turn | null,
  pace: (start: (due: number) => void) => void = (start) => start(performance.now()),
): Promise<Omit<LoadOutcome, 'delivered'>> {
  const latencies: number[] = [];
  const problems: string[] = [];
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  resent = 0;
  let busy = connections.length;

  return new Promise((resolve) => {
    const finish = (): void => {
      const seconds = (performance.now() - started) / 1000;
      const { user, system } = process.cpuUsage(cpuBefore);
      const sorted = Float64Array.from(latencies).sort();
      const at = (part: number) =>
        sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
      resolve({
        requests: latencies.length,
        seconds,
        cpuSeconds: (user + system) / 1e6,
        p50: at(0.5) ?? 0,
        p95: at(0.95) ?? 0,
        p99: at(0.99) ?? 0,
        resent,
        problems: problems.slice(0, 5),
      });
    };
    for (const connection of connections) {
      let turn: Turn | null = null;
      let sentAt = 0;
      const send = (request: Buffer, due = performance.now()): void => {
        // What begins late for want of a connection has waited since it was due.
        sentAt = due;
        connection.send(request, heard);
      };
      const begin = (): void => {
        for (;;) {
          turn = next();
          if (turn === null) {
            if (--busy === 0) finish();
            return;
          }
          const request = turn(null);
          if (request !== null) return pace((due) => send(request, due));
        }
      };
      const heard = (answer: Answer | Error): void => {
        latencies.push(performance.now() - sentAt);
        if (answer instanceof Error || answer.status !== 200) {
          problems.push(answer instanceof Error ? answer.message : `status ${answer.status}`);
          return begin();
        }
        const request = turn?.(answer) ?? null;
        if (request === null) begin();
        else send(request);
      };
      begin();
    }
  });
}

function eachDevice(numbers: readonly number[], turnOf: (at: number) => Turn) {
  const left = numbers.values();
  return () => {
    const { value } = left.next();
    return value === undefined ? null : turnOf(value);
  };
}

function prepare(target: LoadTarget): Prepared {
  const authority = readAuthority(target.authority.certificate, target.authority.key);
  const { host, port, connections } = target;
  const devices = makeDevices(authority, { ...target, host: `${host}:${port}` });
  return {
    target,
    devices,
    polls: devices.map(idleMessage),
    connections: Array.from({ length: connections }, () =>
      openConnection(host, port, () => (resent += 1)),
    ),
  };
}

async function enrol(parts: Prepared): Promise<LoadOutcome> {
  const messages = parts.devices.map((device, at) =>
    enrolMessages(device, parts.target.first + at),
  );
  const turns = eachDevice([...parts.devices.keys()], (at) => {
    const left = [...(messages[at] ?? [])];
    return () => left.shift() ?? null;
  });
  return { ...(await work(parts, turns)), delivered: 0 };
}

async function poll(
  parts: Prepared,
  { requests, seconds, perSecond }: Extract<LoadOrder, { do: 'poll' }>,
): Promise<LoadOutcome> {
  const problems: string[] = [];
  const end = performance.now() + (seconds ?? Number.POSITIVE_INFINITY) * 1000;
  let sent = 0;
  const next = (): Turn | null => {
    if (sent >= requests || performance.now() > end) return null;
    const request = parts.polls[sent++ % parts.polls.length] ?? null;
    return (answer) => {
      if (answer === null) return request;
      if (answer.body.length > 0) problems.push('a command where none was queued');
      return null;
    };
  };
  const done = await work(parts, next, perSecond === null ? undefined : paced(perSecond));
  return { ...done, problems: [...done.problems, ...problems.slice(0, 5)], delivered: 0 };
}

/** Lets so many requests begin a second, evenly. */
function paced(perSecond: number): (start: (due: number) => void) => void {
  const began = performance.now();
  let count = 0;
  return (start) => {
    const due = began + (count++ * 1000) / perSecond;
    const wait = due - performance.now();
    if (wait <= 1) start(due);
    else setTimeout(() => start(Math.max(due, performance.now())), wait);
  };
}

async function drain(
  parts: Prepared,
  { who, mayLeave }: Extract<LoadOrder, { do: 'drain' }>,
): Promise<LoadOutcome> {
  const problems: string[] = [];
  let delivered = 0;
  const numbers = [...parts.devices.keys()].filter(
    (at) => who === 'all' || (answers[at]?.size ?? 0) > 0,
  );
  const turns = eachDevice(numbers, (at) => {
    const left = answers[at] ?? new Map<string, Buffer>();
    return (answer) => {
      if (answer === null) return parts.polls[at] ?? null;
      if (answer.body.length === 0) {
        if (left.size > 0 && !mayLeave) problems.push(`${left.size} commands never came`);
        return null;
      }
      const uuid = /<key>CommandUUID<\/key>\s*<string>([^<]*)/.exec(
        answer.body.toString('latin1'),
      )?.[1];
      const report = left.get(uuid ?? '');
      if (report === undefined) {
        problems.push(`${uuid} came that was not expected, or twice`);
        return null;
      }
      left.delete(uuid ?? '');
      delivered += 1;
      return report;
    };
  });
  const done = await work(parts, turns);
  return { ...done, problems: [...done.problems, ...problems.slice(0, 5)], delivered };
}

function sign(
  devices: readonly BenchDevice[],
  { uuids, bytes, answers: how }: Extract<LoadOrder, { do: 'sign' }>,
): void {
  for (const [at, device] of devices.entries()) {
    for (const uuid of uuids) answers[at]?.set(uuid, resultMessage(device, uuid, bytes, how));
  }
}

async function obey(order: LoadOrder): Promise<LoadOutcome | null> {
  if (order.do === 'prepare') {
    for (const connection of prepared?.connections ?? []) connection.close();
    prepared = prepare(order.target);
    answers = prepared.devices.map(() => new Map());
    return null;
  }
  if (prepared === null) throw new Error('nothing is prepared');
  switch (order.do) {
    case 'tell certificates':
      return null;
    case 'enrol':
      return enrol(prepared);
    case 'poll':
      return poll(prepared, order);
    case 'sign':
      sign(prepared.devices, order);
      return null;
    case 'drain':
      return drain(prepared, order);
  }
}

function certificatesOf(order: LoadOrder): readonly string[] {
  if (order.do !== 'tell certificates') return [];
  const hash = (der: Buffer) => createHash('sha256').update(der).digest('hex');
  return (prepared?.devices ?? []).map(({ certificate }) => hash(certificate));
}

process.on('message', (order: LoadOrder) => {
  void obey(order).then((outcome) => {
    const said: LoadSaid = { outcome, certificates: certificatesOf(order) };
    process.send?.(said);
  });
});
process.once('disconnect', () => process.exit());
