import type { Pool, PoolClient } from 'pg';
import type { WakeUpListener } from '../../server/events/wake-ups.ts';
import type { Projection } from '../../server/mdm/projection/projection.ts';
import { type Projector, startProjector } from '../../server/mdm/projection/projector.ts';
import type { NumberedEvent } from '../../server/model/events.ts';
import { numberEvents } from '../../server/store/events/number.ts';
import { readStream } from '../../server/store/events/stream.ts';
import { capturedLog, type CapturedLog } from './captured-log.ts';
import { type CountedMetrics, countedMetrics } from '../events/counted-metrics.ts';
import { type TurnedClock, turnedClock } from '../events/turned-clock.ts';

/** Where test projections write: a row for each time that an event was stored, so that repeats show. */
export async function makeDerivedTable(pool: Pool): Promise<void> {
  await pool.query(`create table derived (
    n bigint generated always as identity, projection text not null, event_id bigint not null,
    enrollment_key bigint)`);
}

/** Events that were stored, in the order in which that happened. */
export async function derivedBy(pool: Pool, projection: string): Promise<bigint[]> {
  const { rows } = await pool.query<{ event_id: string }>(
    'select event_id from derived where projection = $1 order by n',
    [projection],
  );
  return rows.map(({ event_id }) => BigInt(event_id));
}

/** What else is done in the transaction that stores. */
export interface Storing {
  readonly first?: (client: PoolClient, events: readonly NumberedEvent[]) => Promise<unknown>;
}

/**
 * A projection that stores which events it got.
 * @param meanwhile runs where something slow would: what it throws fails the derivation
 */
export function storing(
  name: string,
  meanwhile: (events: readonly NumberedEvent[]) => Promise<void> | void = () => {},
  more: Partial<Projection> & Storing = {},
): Projection {
  const { first = async () => {}, ...rest } = more;
  return {
    name,
    types: ['CommandAnswered', 'CommandEnded'],
    ...rest,
    async derive(events) {
      await meanwhile(events);
      return async (client) => {
        await first(client, events);
        await client.query(
          `insert into derived (projection, event_id, enrollment_key)
           select $1, * from unnest($2::bigint[], $3::bigint[])`,
          [name, events.map(({ id }) => id), events.map(({ enrollmentKey }) => enrollmentKey)],
        );
        return 0;
      };
    },
  };
}

/** A process that projects, with a clock that the test turns. */
export interface Worker {
  readonly clock: TurnedClock;
  readonly metrics: CountedMetrics;
  readonly log: CapturedLog;
  readonly projector: Projector;
  /** Tells it that the stream goes so far, as a wake-up does. */
  wake(lastSeq: bigint): void;
}

export async function startWorker(pool: Pool, ...projections: Projection[]): Promise<Worker> {
  const clock = turnedClock();
  const metrics = countedMetrics();
  const log = capturedLog();
  const listeners = new Set<WakeUpListener>();
  const projector = await startProjector({
    pool,
    projections,
    wakeUps: {
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    committed() {},
    clock,
    log,
    metrics,
  });
  return {
    ...{ clock, metrics, log, projector },
    wake(lastSeq) {
      for (const listener of listeners) listener(lastSeq);
    },
  };
}

/** Numbers what was appended and turns the clocks until every lane has come to the end of the stream. */
export async function caughtUp(pool: Pool, ...workers: Worker[]): Promise<void> {
  await numberAll(pool);
  const { lastSeq } = await readStream(pool);
  await turnUntil(async () => (await lowestPosition(pool)) >= lastSeq, workers);
}

/** Gives everything that was appended its number. */
export async function numberAll(pool: Pool): Promise<void> {
  while ((await numberEvents(pool)).more);
}

/** Turns the clocks, a second at a time, until the database shows what is awaited. */
export async function turnUntil(
  shows: () => Promise<boolean>,
  workers: readonly Worker[],
): Promise<void> {
  for (let turn = 0; turn < 2_000; turn += 1) {
    if (await shows()) return;
    for (const { clock } of workers) clock.advance(1_000);
  }
  throw new Error('what is awaited does not come');
}

async function lowestPosition(pool: Pool): Promise<bigint> {
  const { rows } = await pool.query<{ least: string }>(
    'select min(position) as least from projection_lane',
  );
  return BigInt(rows[0]?.least ?? -1);
}

/** How many lanes each process holds, the smallest number first. */
export async function lanesHeld(pool: Pool): Promise<number[]> {
  const { rows } = await pool.query<{ n: number }>(
    `select count(*)::int as n from projection_lane where holder is not null
     group by projection, holder order by n`,
  );
  return rows.map(({ n }) => n);
}

/** Lets every lease run out, as time does when processes are dead. */
export async function leasesRunOut(pool: Pool): Promise<void> {
  await pool.query(`update lease set until = now() - interval '1 second'`);
}
