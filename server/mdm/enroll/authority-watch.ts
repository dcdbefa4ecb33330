import type { Pool } from 'pg';
import type { Clock } from '../../model/clock.ts';
import type { Log } from '../../model/log.ts';
import type { DeviceAuthority, Generation } from '../../pki/authority.ts';
import type { Keyring } from '../../secrets/keyring.ts';
import { newestGeneration, readGenerations } from '../../store/enroll/authority.ts';
import { readRevoked } from '../../store/enroll/revocation.ts';
import { openGeneration } from './generation.ts';

/** How often each process looks for new generations and revocations, in milliseconds. */
const everyMs = 2_000;

/**
 * For so long a new generation is trusted but issues nothing, in seconds: until then every process
 * has seen it, and no device is refused by one that has not.
 */
const settlingSeconds = 10;

/** No transaction that revokes lasts longer, in milliseconds: what it wrote late is read again. */
const overlapMs = 60_000;

/** The device authority as this process knows it, seconds old at most. */
export interface AuthorityWatch {
  /** What issues and answers SCEP, and may sign renewals. */
  authority(): DeviceAuthority;
  /** All generations, newest first: another list once there is a new one. */
  generations(): readonly Generation[];
  isRevoked(sha256: Buffer): boolean;
  /** Looks at once, after a change of our own. */
  refresh(): Promise<void>;
  stop(): Promise<void>;
}

interface Known {
  readonly newest: number;
  readonly generations: readonly Generation[];
  /** When the newest has settled; null: there is none before it to wait with. */
  readonly settledAt: Date | null;
}

/** Reads the device authority and follows it. @throws {SealError} its keys do not open */
export async function watchAuthority(
  db: Pool,
  keyring: Keyring,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<AuthorityWatch> {
  let known: Known = { newest: 0, generations: [], settledAt: null };
  const revoked = new Map<string, Date>();
  let readAt: Date | null = null;
  let stopped = false;
  let cancel = (): void => {};

  async function readAuthority(): Promise<void> {
    if ((await newestGeneration(db)) === known.newest) return;
    const rows = await readGenerations(db);
    const [newest, before] = rows;
    known = {
      newest: newest?.generation ?? 0,
      generations: rows.map((row) => openGeneration(keyring, row)),
      settledAt:
        newest === undefined || before === undefined
          ? null
          : new Date(clock.now().getTime() + (settlingSeconds - newest.age) * 1000),
    };
  }

  async function readRevocations(): Promise<void> {
    const since = readAt && new Date(readAt.getTime() - overlapMs);
    const { at, revoked: found } = await readRevoked(db, since);
    for (const { sha256, notAfter } of found) revoked.set(sha256.toString('hex'), notAfter);
    for (const [sha256, notAfter] of revoked) if (notAfter < at) revoked.delete(sha256);
    readAt = at;
  }

  const read = async (): Promise<void> => {
    await readAuthority();
    await readRevocations();
  };

  let looking: Promise<void> = Promise.resolve();
  const look = (): void => {
    looking = read()
      .catch((error: unknown) => log.warn({ err: error }, 'could not look at the device authority'))
      .finally(() => {
        if (!stopped) cancel = clock.setTimer(everyMs, look);
      });
  };

  await read();
  cancel = clock.setTimer(everyMs, look);

  return {
    authority() {
      const { generations, settledAt } = known;
      const [newest, ...others] = generations;
      const unsettled = settledAt !== null && clock.now() < settledAt;
      // The first in the list that can, issues.
      return unsettled && newest !== undefined
        ? { generations: [...others, newest] }
        : { generations };
    },
    generations: () => known.generations,
    isRevoked: (sha256) => revoked.size > 0 && revoked.has(sha256.toString('hex')),
    refresh: read,
    async stop() {
      stopped = true;
      cancel();
      await looking;
    },
  };
}
