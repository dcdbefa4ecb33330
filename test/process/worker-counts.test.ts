import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { startWorkers, type Workers } from '../../server/workers.ts';
import { type TurnedClock, turnedClock } from '../events/turned-clock.ts';
import { isRunning } from '../harness/process-tree.ts';
import { type CapturedLog, capturedLog } from '../projection/captured-log.ts';

const before = { ...cluster.settings };
beforeAll(() => {
  const exec = fileURLToPath(new URL('../harness/obedient-worker.cjs', import.meta.url));
  cluster.setupPrimary({ exec, execArgv: [] });
});
afterAll(() => cluster.setupPrimary(before));

let clock: TurnedClock;
let log: CapturedLog;
/** All that were ever started, in their order. */
let forked: Worker[];
let workers: Workers;
const news = new EventTarget();
const note = (): void => void news.dispatchEvent(new Event('news'));
const keep = (worker: Worker): void => {
  forked.push(worker);
  worker.on('message', note);
  worker.once('exit', note);
  note();
};

beforeEach(async () => {
  clock = turnedClock();
  log = capturedLog();
  forked = [];
  cluster.on('fork', keep);
  const starting = startWorkers(2, log, clock);
  await tell(1, 'listen');
  await tell(2, 'listen');
  const started = await starting;
  started?.told();
  if (started === null) throw new Error('nothing has started');
  workers = started.workers;
});
afterEach(async () => {
  cluster.off('fork', keep);
  for (const worker of forked) worker.process.kill('SIGKILL');
  await until(() => alive().length === 0);
});

async function until(shows: () => boolean): Promise<void> {
  while (!shows()) await once(news, 'news');
}

/** The nth that was started, once it has been. */
async function nth(n: number): Promise<Worker> {
  await until(() => forked.length >= n);
  const worker = forked[n - 1];
  if (worker === undefined) throw new Error(`worker ${n} is missing`);
  return worker;
}

/** Has a worker do something; when that is to listen or to end, until the primary has heard of it. */
async function tell(n: number, what: 'listen' | 'end' | 'stay'): Promise<void> {
  const worker = await nth(n);
  const heard = what === 'stay' ? null : once(worker, what === 'end' ? 'exit' : 'message');
  worker.send({ do: what });
  await heard;
}

async function ended(n: number): Promise<void> {
  const worker = await nth(n);
  await until(() => worker.isDead());
}

/** Which of those that were started are running. */
function alive(): number[] {
  return forked.flatMap((worker, at) => (worker.isDead() ? [] : [at + 1]));
}

function said(message: string): CapturedLog['lines'] {
  return log.lines.filter((line) => line.message === message);
}

/** Has a successor listen and prove itself. */
async function proves(n: number): Promise<void> {
  await tell(n, 'listen');
  await until(() => clock.timers() > 0);
  clock.advance(1_000);
}

it('replaces all, one after the other, and once more when it is told so meanwhile', async () => {
  const restarted = workers.restart();
  const again = workers.restart();
  for (let n = 3; n <= 6; n += 1) {
    await proves(n);
    await ended(n - 2);
  }
  await Promise.all([restarted, again]);
  expect(alive()).toEqual([5, 6]);
  expect(said('all workers are new')).toHaveLength(2);
});

it('starts another for one that dies while its successor does not get to listen, which is one too many then', async () => {
  const restarted = workers.restart();
  await nth(3);
  await tell(1, 'end');
  clock.advance(1_000);
  await tell(4, 'listen');
  expect(alive()).toEqual([2, 3, 4]);
  await proves(3);
  await ended(3);
  await proves(5);
  await restarted;
  expect(alive()).toEqual([4, 5]);
});

it.each([
  ['before it listens', false],
  ['soon after it has begun to listen', true],
])('keeps the old ones when a new one ends %s', async (_, listens) => {
  const restarted = workers.restart();
  if (listens) await tell(3, 'listen');
  await tell(3, 'end');
  await restarted;
  clock.advance(10_000);
  expect(alive()).toEqual([1, 2]);
  expect(forked).toHaveLength(3);
  expect(said('a new worker does not stay; the old ones do')).toHaveLength(1);
});

it('kills an old one that does not end', async () => {
  await tell(1, 'stay');
  const restarted = workers.restart();
  await proves(3);
  await until(() => clock.asked.includes(150_000));
  clock.advance(149_000);
  expect(alive()).toEqual([1, 2, 3]);
  clock.advance(1_000);
  await ended(1);
  await proves(4);
  await restarted;
  expect(alive()).toEqual([3, 4]);
});

it('starts none when it stops, and ends one that comes to listen only then', async () => {
  void workers.restart();
  await nth(3);
  await workers.stop();
  expect(alive()).toEqual([3]);
  await tell(3, 'listen');
  await ended(3);
  clock.advance(10_000);
  expect(forked).toHaveLength(3);
});

it('survives a worker’s death of which it has not heard when it tells it something', async () => {
  const { pid = 0 } = (await nth(1)).process;
  process.kill(pid, 'SIGKILL');
  // Without a turn of the event loop, in which it would hear of it.
  while (isRunning(pid));
  await workers.stop();
  expect(alive()).toEqual([]);
});
