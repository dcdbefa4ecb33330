import type { PoolClient } from 'pg';
import type { NumberedEvent } from '../../model/events.ts';
import { readAnswers } from '../../store/inventory/answers.ts';
import { writeFacts } from '../../store/inventory/facts.ts';
import {
  appendChanges,
  appendInventoryEvents,
  type ProblemRow,
  writeProblems,
} from '../../store/inventory/history.ts';
import {
  holdTenants,
  lockSections,
  readOrigins,
  touchSections,
  writeSections,
} from '../../store/inventory/sections.ts';
import type { Projection } from '../projection/projection.ts';
import { partialTypes } from './asked.ts';
import { longAnswer } from './hand-over.ts';
import { createRepeats } from './repeats.ts';
import { inventoryTypes } from './sections.ts';
import { type Repeated, settle, type Told } from './settle.ts';
import { type Decoding, toldBy } from './told.ts';

/** Answers that are in memory as bytes at the same time. */
const atOnce = 20;

/** Under which its lanes are stored. */
export const inventoryProjectionName = 'inventory';

/** Keeps inventory, its history and its events from what devices answer. */
export function inventoryProjection(parts: Decoding): Projection {
  return {
    name: inventoryProjectionName,
    types: ['CommandAnswered'],
    // What they say is in memory together, up to some megabytes each.
    pageSize: 50,
    async derive(events) {
      const { told, problems } = await decoded(parts, events.filter(isInventory));
      return async (client) => {
        const about = [...problems, ...told].map(({ enrollmentKey }) => enrollmentKey);
        await holdTenants(client, about);
        await writeProblems(client, problems);
        return write(client, told);
      };
    },
  };
}

function isInventory({ data }: NumberedEvent): boolean {
  const { status, requestType } = data;
  return (
    status === 'Acknowledged' && typeof requestType === 'string' && inventoryTypes.has(requestType)
  );
}

async function decoded(
  parts: Decoding,
  events: readonly NumberedEvent[],
): Promise<{ told: (Told | Repeated)[]; problems: ProblemRow[] }> {
  const told: (Told | Repeated)[] = [];
  const problems: ProblemRow[] = [];
  const repeats = createRepeats(await readOrigins(parts.pool, events.flatMap(sectionOf)));
  for (let start = 0; start < events.length; start += atOnce) {
    const some = events.slice(start, start + atOnce);
    const keys = some.flatMap(({ enrollmentKey, commandKey }) =>
      enrollmentKey === null || commandKey === null ? [] : { enrollmentKey, commandKey },
    );
    const stored = await readAnswers(parts.pool, keys, longAnswer, partialTypes);
    for (const event of some) {
      const answer = stored.find(
        ({ enrollmentKey, commandKey }) =>
          enrollmentKey === event.enrollmentKey && commandKey === event.commandKey,
      );
      // Its bytes are no longer kept.
      if (answer === undefined) continue;
      const outcome = await toldBy(parts, answer, event.traceId, repeats);
      if (outcome === null) continue;
      if ('problem' in outcome) problems.push({ ...answer, reason: outcome.problem });
      else told.push(outcome);
    }
  }
  return { told, problems };
}

function sectionOf({ enrollmentKey, data: { requestType } }: NumberedEvent) {
  return enrollmentKey === null || typeof requestType !== 'string'
    ? []
    : { enrollmentKey, section: requestType };
}

async function write(client: PoolClient, told: readonly (Told | Repeated)[]): Promise<number> {
  const known = await lockSections(client, sectionsOf(told));
  const { written, touched, changes, events, facts } = settle(known, told);
  await writeSections(client, written);
  await touchSections(client, touched);
  await appendChanges(client, changes);
  await writeFacts(client, facts);
  await appendInventoryEvents(client, events);
  return events.length;
}

/** Each once; what is only repeated needs no contents. */
function sectionsOf(told: readonly (Told | Repeated)[]) {
  const found = new Map<string, { enrollmentKey: bigint; section: string; withContent: boolean }>();
  for (const { enrollmentKey, section, repeats } of told) {
    const key = `${enrollmentKey} ${section}`;
    const withContent = !repeats || found.get(key)?.withContent === true;
    found.set(key, { enrollmentKey, section, withContent });
  }
  return [...found.values()];
}
