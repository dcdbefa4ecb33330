import { isBinaryPlist } from '../../protocol/plist/binary.ts';
import type { Keyring } from '../../secrets/keyring.ts';
import type { StoredAnswer } from '../../store/inventory/answers.ts';
import type { SectionOrigin } from '../../store/inventory/sections.ts';
import type { Asked } from './merge.ts';
import { isNewer } from './newer.ts';
import { sections } from './sections.ts';

// Most devices answer most questions as they did the last time. Such an answer differs from the one
// before in the CommandUUID alone, so it is known by the fingerprint of all the rest, and changes
// nothing: what an answer adds to what is known, it adds only once.

/** Raise it when answers are decoded or merged in another way: those from before are decoded once more. */
const version = 1;

/**
 * What tells an answer from others that were to the same question and say something else. Null: it can't
 * be told, or it is not worth it.
 *
 * In XML a name stands in one place, so what is left out here is either the CommandUUID or not, and then
 * the real one is among the rest and differs. In a binary property list one string may serve twice.
 */
export function fingerprintOf(
  keyring: Keyring,
  { commandUuid, requestType }: Pick<StoredAnswer, 'commandUuid' | 'requestType'>,
  bytes: Buffer,
  asked: Asked,
): Buffer | null {
  // What a device says of itself competes with what it says as it enrols, so it is always looked at.
  if (sections[requestType]?.kind === 'facts' || isBinaryPlist(bytes)) return null;
  const at = bytes.indexOf(commandUuid);
  if (at < 0) return null;
  const question = JSON.stringify([version, requestType, asked, at]);
  const after = at + Buffer.byteLength(commandUuid);
  return keyring.fingerprint(
    Buffer.from(`${question}\0`),
    bytes.subarray(0, at),
    bytes.subarray(after),
  );
}

/** Knows what sections were last told by. */
export interface Repeats {
  /** Whether an answer says what the newest of its section said that is known. */
  isRepeat(answer: SectionOrigin): boolean;
  /** Notes an answer that will be told. */
  told(answer: SectionOrigin): void;
}

/** @param origins  what is stored */
export function createRepeats(origins: readonly SectionOrigin[]): Repeats {
  const newest = new Map(origins.map((origin) => [keyOf(origin), origin]));
  return {
    isRepeat(answer) {
      const known = newest.get(keyOf(answer));
      return known !== undefined && isNewer(answer, known) && sameAnswer(answer, known);
    },
    told(answer) {
      const known = newest.get(keyOf(answer));
      if (known === undefined || isNewer(answer, known)) newest.set(keyOf(answer), answer);
    },
  };
}

/** Whether two answers to the same question say the same for certain. */
export function sameAnswer(
  a: Pick<SectionOrigin, 'fingerprint'>,
  b: Pick<SectionOrigin, 'fingerprint'>,
): boolean {
  return a.fingerprint !== null && b.fingerprint?.equals(a.fingerprint) === true;
}

function keyOf({ enrollmentKey, section }: SectionOrigin): string {
  return `${enrollmentKey} ${section}`;
}
