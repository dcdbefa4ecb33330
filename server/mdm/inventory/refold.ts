import { readAnswers } from '../../store/inventory/answers.ts';
import type { DeviceFacts } from '../../store/inventory/facts.ts';
import type { ProblemRow } from '../../store/inventory/history.ts';
import type { KeptAnswer } from '../../store/inventory/rebuild.ts';
import type { SectionRow } from '../../store/inventory/sections.ts';
import { partialTypes } from './asked.ts';
import { longAnswer } from './hand-over.ts';
import { settle, type Told } from './settle.ts';
import { type Decoding, toldBy } from './told.ts';

/** What answers together come to. */
export interface Refolded {
  /** The answers that are in it, in their order. */
  readonly answers: readonly KeptAnswer[];
  readonly sections: ReadonlyMap<string, SectionRow>;
  readonly facts: FactsByOrigin;
  readonly problems: readonly ProblemRow[];
}

/**
 * Apart, because each is as old as its own answer: what a device said as it enrolled is older than one
 * and newer than the other.
 */
export interface FactsByOrigin {
  /** Of DeviceInformation. */
  readonly information: DeviceFacts | null;
  readonly others: DeviceFacts | null;
}

export const nothing: Refolded = {
  answers: [],
  sections: new Map(),
  facts: { information: null, others: null },
  problems: [],
};

/** Answers that are in memory at the same time. */
const atOnce = 20;

/**
 * Derives one enrolment's inventory from its answers, as the projection would that meets them one after
 * the other.
 * @param before  what the first of the answers come to already
 * @returns null when it was aborted
 */
export async function refold(
  parts: Decoding & { readonly signal: AbortSignal },
  enrollmentKey: bigint,
  answers: readonly KeptAnswer[],
  before: Refolded,
): Promise<Refolded | null> {
  let sections = before.sections;
  let facts = before.facts;
  const problems = [...before.problems];
  for (let start = before.answers.length; start < answers.length; start += atOnce) {
    const some = answers.slice(start, start + atOnce);
    const keys = some.map(({ commandKey }) => ({ enrollmentKey, commandKey }));
    const stored = await readAnswers(parts.pool, keys, longAnswer, partialTypes);
    const told: Told[] = [];
    for (const { commandKey } of some) {
      if (parts.signal.aborted) return null;
      const answer = stored.find((one) => one.commandKey === commandKey);
      // Its bytes are no longer kept.
      if (answer === undefined) continue;
      const outcome = await toldBy(parts, answer, null, null);
      if (outcome === null) continue;
      if ('problem' in outcome) problems.push({ ...answer, reason: outcome.problem });
      else if (!outcome.repeats) told.push(outcome);
    }
    const isInformation = ({ section }: Told) => section === 'DeviceInformation';
    const information = settle([...sections.values()], told.filter(isInformation));
    const others = settle(
      [...sections.values()],
      told.filter((one) => !isInformation(one)),
    );
    const settled = [information, others].flatMap(({ written, touched }) => [
      ...written,
      ...touched,
    ]);
    sections = new Map([...sections, ...settled.map((row) => [row.section, row] as const)]);
    facts = {
      information: joined(facts.information, information.facts[0]),
      others: joined(facts.others, others.facts[0]),
    };
  }
  return { answers, sections, facts, problems };
}

/** What is told later comes over what was told before. */
export function joined(
  before: DeviceFacts | null,
  after: DeviceFacts | null | undefined,
): DeviceFacts | null {
  if (before === null || !after) return after ?? before;
  const at = before.at > after.at ? before.at : after.at;
  return { ...before, ...after, at };
}
