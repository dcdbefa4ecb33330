import type { Pool, PoolClient } from 'pg';
import type { NumberedEvent } from '../../model/events.ts';
import type { Keyring } from '../../secrets/keyring.ts';
import { readAnswers, type StoredAnswer } from '../../store/inventory/answers.ts';
import { writeFacts } from '../../store/inventory/facts.ts';
import {
  appendChanges,
  appendInventoryEvents,
  type ProblemRow,
  writeProblems,
} from '../../store/inventory/history.ts';
import { lockSections, touchSections, writeSections } from '../../store/inventory/sections.ts';
import type { Projection } from '../projection/projection.ts';
import { commandBodyPlace, resultPlace } from '../queue/deliver.ts';
import { askedBy, partialTypes } from './asked.ts';
import { longestAnswer, type Decoder } from './decoder.ts';
import type { Json } from './json.ts';
import { type Asked, askedForAll } from './merge.ts';
import { inventoryTypes } from './sections.ts';
import { settle, type Told } from './settle.ts';

/** Answers that are in memory as bytes at the same time. */
const atOnce = 20;

/** Keeps inventory, its history and its events from what devices answer. */
export function inventoryProjection(parts: {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly decoder: Decoder;
}): Projection {
  return {
    name: 'inventory',
    types: ['CommandAnswered'],
    // What they say is in memory together, up to some megabytes each.
    pageSize: 50,
    async derive(events) {
      const { told, problems } = await decoded(parts, events.filter(isInventory));
      return async (client) => {
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
  { pool, keyring, decoder }: Parameters<typeof inventoryProjection>[0],
  events: readonly NumberedEvent[],
): Promise<{ told: Told[]; problems: ProblemRow[] }> {
  const told: Told[] = [];
  const problems: ProblemRow[] = [];
  for (let start = 0; start < events.length; start += atOnce) {
    const some = events.slice(start, start + atOnce);
    const keys = some.flatMap(({ enrollmentKey, commandKey }) =>
      enrollmentKey === null || commandKey === null ? [] : { enrollmentKey, commandKey },
    );
    const stored = await readAnswers(pool, keys, longestAnswer, partialTypes);
    for (const event of some) {
      const answer = stored.find(
        ({ enrollmentKey, commandKey }) =>
          enrollmentKey === event.enrollmentKey && commandKey === event.commandKey,
      );
      // Its bytes are no longer kept.
      if (answer === undefined) continue;
      const outcome = await decodeOne(answer);
      if ('problem' in outcome) problems.push({ ...answer, reason: outcome.problem });
      else {
        // The thread made it of a property list, so it is JSON.
        const content: Json = JSON.parse(outcome.content);
        const { requestType: section, answeredAt: at } = answer;
        const { traceId } = event;
        told.push({ ...answer, section, content, at, traceId, asked: askedFor(answer) });
      }
    }
  }
  return { told, problems };

  async function decodeOne({ result, enrollmentId, commandUuid, requestType }: StoredAnswer) {
    if (result === null) return { problem: 'The answer is too long.' };
    const bytes = keyring.open(resultPlace(enrollmentId, commandUuid), result);
    return decoder.decode({ bytes, requestType });
  }

  function askedFor({ body, bodySealed, commandUuid, tenantId, requestType }: StoredAnswer): Asked {
    if (body === null) return askedForAll;
    const place = commandBodyPlace(tenantId, commandUuid);
    return askedBy(requestType, bodySealed ? keyring.open(place, body) : body);
  }
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
