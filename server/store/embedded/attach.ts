import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { StartupError } from '../../model/errors.ts';
import type { Log } from '../../model/log.ts';
import { type Address, knownAddress, newAddress } from './address.ts';
import { hasDatabase, makeDatabase } from './cluster.ts';
import { tryJoin } from './join.ts';
import { layOut } from './layout.ts';
import { findPostgresPackage } from './package.ts';
import type { Place } from './place.ts';
import { type Child, startPostgres } from './start.ts';

/** A running server that this process uses. */
export interface Attached {
  readonly address: Address;
  /** The connection that counts this process among the server's users. */
  readonly keeper: pg.Client;
  /** Null when somebody else started the server. */
  readonly child: Child | null;
}

/** How often a server that starts or recovers is asked again, in milliseconds. */
const pollEvery = 25;

/** How long a folder may be held by a server that cannot be reached, in milliseconds. */
const longestStandoff = 60_000;

/** How often the log says what is being waited for, in milliseconds. */
const tellEvery = 5_000;

/** What PostgreSQL says when another one has, or just had, the folder. */
const heldByAnother = /lock file .* already exists|pre-existing shared memory block/i;

/**
 * Uses the server that runs on the place, or starts one. Several processes may do so at once: PostgreSQL
 * decides which of their children has the folder, and the others join it.
 * @throws {StartupError} it cannot be started; the message has PostgreSQL's reason
 */
export async function attach(place: Place, log: Log, signal: AbortSignal): Promise<Attached> {
  const waiting = new Waiting(log);
  for (;;) {
    signal.throwIfAborted();
    const joined = await joinRunning(place, waiting);
    if (joined) return joined;

    const started = await startOwn(place, log, waiting, signal);
    if ('keeper' in started) return started;
    if (!heldByAnother.test(started.reason)) throw cannotStart(place, started.reason);
    if (waiting.milliseconds > longestStandoff) throw heldElsewhere(place, started.reason);
    await delay(pollEvery * 4);
  }
}

async function joinRunning(place: Place, waiting: Waiting): Promise<Attached | null> {
  await hasDatabase(place);
  const address = await knownAddress(place);
  if (!address) return null;
  for (;;) {
    const attempt = await tryJoin(place, address);
    if (attempt.state === 'connected') return { address, keeper: attempt.client, child: null };
    if (attempt.state === 'absent') return null;
    waiting.tell(attempt.reason);
    await delay(pollEvery);
  }
}

async function startOwn(
  place: Place,
  log: Log,
  waiting: Waiting,
  signal: AbortSignal,
): Promise<Attached | { reason: string }> {
  const programs = await layOut(findPostgresPackage(), place.folder);
  if (!(await hasDatabase(place))) {
    log.info({ folder: place.database }, 'making the embedded database');
    await makeDatabase(place, programs);
  }
  const address = await newAddress(place);
  const child = startPostgres(place, programs, address, log);
  let ended: { reason: string } | null = null;
  void child.ended.then((end) => {
    ended = end;
  });
  for (;;) {
    await Promise.race([child.ended, delay(pollEvery)]);
    if (ended) return ended;
    if (signal.aborted) child.letGo();
    signal.throwIfAborted();
    const attempt = await tryJoin(place, address);
    if (attempt.state === 'connected') return { address, keeper: attempt.client, child };
    if (attempt.state === 'busy') waiting.tell(attempt.reason);
  }
}

/** Says in the log what is waited for, at once when it takes long, and not too often. */
class Waiting {
  readonly #log: Log;
  readonly #since = Date.now();
  #told = Date.now();

  constructor(log: Log) {
    this.#log = log;
  }

  get milliseconds(): number {
    return Date.now() - this.#since;
  }

  tell(reason: string): void {
    if (Date.now() - this.#told < tellEvery) return;
    this.#told = Date.now();
    this.#log.info({ reason }, 'waiting for the embedded database');
  }
}

function cannotStart({ folder, user }: Place, reason: string): StartupError {
  const as = user ? ` as ${user.name}` : '';
  return new StartupError(
    `The embedded PostgreSQL in ${folder} does not start${as}: ${reason}. ` +
      'Its log is in database/log there. DATABASE_URL selects a PostgreSQL server instead.',
  );
}

function heldElsewhere({ database }: Place, reason: string): StartupError {
  return new StartupError(
    `Another PostgreSQL seems to have ${database}, and it cannot be reached: ${reason}. Is the folder ` +
      'a copy made while it was in use, or used by another machine or container? Stop that one first.',
  );
}
