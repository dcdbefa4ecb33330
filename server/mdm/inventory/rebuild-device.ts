import type { PoolClient } from 'pg';
import { writeFacts } from '../../store/inventory/facts.ts';
import {
  appendChanges,
  appendInventoryEvents,
  writeProblems,
} from '../../store/inventory/history.ts';
import {
  clearInventory,
  clearProblems,
  holdLane,
  type KeptAnswer,
  keptAnswers,
  type RebuiltEnrollment,
} from '../../store/inventory/rebuild.ts';
import {
  holdTenants,
  lockAllSections,
  type SectionRow,
  touchSections,
  writeSections,
} from '../../store/inventory/sections.ts';
import { jobGoesOn } from '../../store/jobs/jobs.ts';
import { withTransaction } from '../../store/transaction.ts';
import { factsIn } from './facts.ts';
import type { Json } from './json.ts';
import { inventoryProjectionName } from './projection.ts';
import { type FactsByOrigin, joined, nothing, refold, type Refolded } from './refold.ts';
import { inventoryTypes } from './sections.ts';
import { replaced } from './replaced.ts';
import type { Decoding } from './told.ts';

/** A device that has answered again each time that its inventory was to be stored. */
export class KeepsAnswering extends Error {
  override readonly name = 'KeepsAnswering';
}

const mostTries = 20;

/**
 * Clears an enrolment's inventory and derives it anew from the answers that are kept. That is done before
 * the transaction, which holds the projection's lane and only stores it if the answers are still those
 * that the projection has come to; else what has come since is added first. An answer that the projection
 * has yet to come to is left to it.
 * @returns false when it may not go on here
 * @throws {KeepsAnswering}
 */
export async function rebuildDevice(
  parts: Decoding,
  job: { readonly id: string; readonly holder: string; readonly signal: AbortSignal },
  enrollment: RebuiltEnrollment,
  now: Date,
): Promise<boolean> {
  const { pool } = parts;
  const { key } = enrollment;
  const types = [...inventoryTypes];
  let answers = await keptAnswers(pool, inventoryProjectionName, key, types);
  let folded: Refolded = nothing;
  for (let tries = 0; tries < mostTries; tries++) {
    const next = await refold(
      { ...parts, signal: job.signal },
      key,
      answers,
      beginsWith(answers, folded.answers) ? folded : nothing,
    );
    if (next === null) return false;
    folded = next;
    const outcome = await withTransaction(pool, async (client) => {
      await holdLane(client, inventoryProjectionName, key);
      if (!(await jobGoesOn(client, job.id, job.holder))) return 'stop';
      const current = await keptAnswers(client, inventoryProjectionName, key, types);
      if (current.length !== next.answers.length || !beginsWith(current, next.answers)) {
        return current;
      }
      await store(client, enrollment, next, now);
      return 'stored';
    });
    if (outcome === 'stored') return true;
    if (outcome === 'stop') return false;
    answers = outcome;
  }
  throw new KeepsAnswering('It kept answering while its inventory was rebuilt. Rebuild it again.');
}

function beginsWith(answers: readonly KeptAnswer[], first: readonly KeptAnswer[]): boolean {
  return first.every(({ commandKey }, at) => answers[at]?.commandKey === commandKey);
}

async function store(
  client: PoolClient,
  enrollment: RebuiltEnrollment,
  folded: Refolded,
  now: Date,
): Promise<void> {
  const { key } = enrollment;
  // A section of which no answer is kept can't be derived: what is known stays.
  const derived = new Set(folded.answers.map(({ requestType }) => requestType));
  if (derived.size === 0) return;
  await holdTenants(client, [key]);
  const known = await lockAllSections(client, key);
  const before = known.filter(({ section }) => derived.has(section));
  const { gone, written, touched, changes, events } = replaced(before, folded.sections, now);
  await clearInventory(client, key, gone);
  await writeSections(client, written);
  await touchSections(client, touched);
  await appendChanges(client, changes);
  const others = known.filter(({ section }) => !derived.has(section));
  const facts = together(folded.facts, enrollment, others);
  // The earlier of the two says nothing of the columns that the later one holds.
  if (facts.others !== null) await writeFacts(client, [facts.others]);
  if (facts.information !== null) await writeFacts(client, [facts.information]);
  await clearProblems(
    client,
    key,
    folded.answers.map(({ commandKey }) => commandKey),
  );
  await writeProblems(client, folded.problems);
  await appendInventoryEvents(client, events);
}

/** With what sections say that could not be derived anew. */
function together(
  facts: FactsByOrigin,
  { key, ofDevice }: RebuiltEnrollment,
  rows: readonly SectionRow[],
): FactsByOrigin {
  let { information, others } = facts;
  if (!ofDevice) return facts;
  for (const { section, content, answeredAt } of rows) {
    // It was JSON when it was stored.
    const said = factsIn(section, content as Json);
    const one = { enrollmentKey: key, at: answeredAt, ...said };
    if (section === 'DeviceInformation') information = joined(information, one);
    else others = joined(others, one);
  }
  return { information, others };
}
