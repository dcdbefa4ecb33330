import type { Pool } from 'pg';
import { release } from '../../model/release.ts';
import { type Keyring, sealOverhead } from '../../secrets/keyring.ts';
import { readResult, type StoredAnswer } from '../../store/inventory/answers.ts';
import { commandBodyPlace, resultPlace } from '../queue/deliver.ts';
import { askedBy } from './asked.ts';
import { type Decoder, longestAnswer } from './decoder.ts';
import type { HandOver } from './hand-over.ts';
import type { Json } from './json.ts';
import { type Asked, askedForAll } from './merge.ts';
import { fingerprintOf, type Repeats } from './repeats.ts';
import type { Answered, Repeated, Told } from './settle.ts';

/** What opens and decodes answers. */
export interface Decoding {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly decoder: Decoder;
  /** Where long answers may still be in memory. */
  readonly handOver: Pick<HandOver, 'take'>;
}

/**
 * What a stored answer tells, or why it is no inventory.
 * @param repeats  knows what was told before; null: everything is decoded
 * @returns null when its bytes are no longer kept
 */
export async function toldBy(
  parts: Decoding,
  answer: StoredAnswer,
  traceId: string | null,
  repeats: Repeats | null,
): Promise<Told | Repeated | { readonly problem: string } | null> {
  const { enrollmentKey, commandKey, ofDevice, requestType, answeredAt } = answer;
  if (answer.size > longestAnswer + sealOverhead) return { problem: 'The answer is too long.' };
  const bytes = await bytesOf(parts, answer);
  if (bytes === null) return null;
  const asked = askedFor(parts.keyring, answer);
  const fingerprint = fingerprintOf(parts.keyring, answer, bytes, asked);
  const of = { enrollmentKey, commandKey, ofDevice, answeredAt, fingerprint };
  const answered: Answered = { ...of, section: requestType, traceId, asked };
  if (repeats?.isRepeat(answered) === true) {
    repeats.told(answered);
    release(bytes);
    return { ...answered, repeats: true };
  }
  const outcome = await parts.decoder.decode({ bytes, requestType });
  if ('problem' in outcome) return outcome;
  repeats?.told(answered);
  // The thread made it of a property list, so it is JSON.
  const content: Json = JSON.parse(outcome.content);
  return { ...answered, repeats: false, content };
}

async function bytesOf(
  { pool, keyring, handOver }: Decoding,
  answer: StoredAnswer,
): Promise<Buffer | null> {
  const { enrollmentKey, enrollmentId, commandUuid } = answer;
  const inMemory = handOver.take(enrollmentKey, commandUuid);
  if (inMemory !== null) return inMemory;
  const sealed = answer.result ?? (await readResult(pool, answer));
  return sealed === null ? null : keyring.open(resultPlace(enrollmentId, commandUuid), sealed);
}

function askedFor(
  keyring: Keyring,
  { body, bodySealed, commandUuid, tenantId, requestType }: StoredAnswer,
): Asked {
  if (body === null) return askedForAll;
  const place = commandBodyPlace(tenantId, commandUuid);
  return askedBy(requestType, bodySealed ? keyring.open(place, body) : body);
}
