import type { Pool, PoolClient } from 'pg';
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
  touchSections,
  writeSections,
} from '../../store/inventory/sections.ts';
import type { Projection } from '../projection/projection.ts';
import { partialTypes } from './asked.ts';
import { longestAnswer } from './decoder.ts';
import { inventoryTypes } from './sections.ts';
import { settle, type Told } from './settle.ts';
import { type Decoding, toldBy } from './told.ts';

/** Answers that are in memory as bytes at the same time. */
const atOnce = 20;

/** Under which its lanes are stored. */
export const inventoryProjectionName = 'inventory';

/** Keeps inventory, its history and its events from what devices answer. */
export function inventoryProjection(parts: Decoding & { readonly pool: Pool }): Projection {
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
  parts: Decoding & { readonly pool: Pool },
  events: readonly NumberedEvent[],
): Promise<{ told: Told[]; problems: ProblemRow[] }> {
  const told: Told[] = [];
  const problems: ProblemRow[] = [];
  for (let start = 0; start < events.length; start += atOnce) {
    const some = events.slice(start, start + atOnce);
    const keys = some.flatMap(({ enrollmentKey, commandKey }) =>
      enrollmentKey === null || commandKey === null ? [] : { enrollmentKey, commandKey },
    );
    const stored = await readAnswers(parts.pool, keys, longestAnswer, partialTypes);
    for (const event of some) {
      const answer = stored.find(
        ({ enrollmentKey, commandKey }) =>
          enrollmentKey === event.enrollmentKey && commandKey === event.commandKey,
      );
      // Its bytes are no longer kept.
      if (answer === undefined) continue;
      const outcome = await toldBy(parts, answer, event.traceId);
      if ('problem' in outcome) problems.push({ ...answer, reason: outcome.problem });
      else told.push(outcome);
    }
  }
  return { told, problems };
}

async function write(client: PoolClient, told: readonly Told[]): Promise<number> {
  const known = await lockSections(client, told);
  const { written, touched, changes, events, facts } = settle(known, told);
  await writeSections(client, written);
  await touchSections(client, touched);
  await appendChanges(client, changes);
  await writeFacts(client, facts);
  await appendInventoryEvents(client, events);
  return events.length;
}
