import type { Keyring } from '../../secrets/keyring.ts';
import type { StoredAnswer } from '../../store/inventory/answers.ts';
import { commandBodyPlace, resultPlace } from '../queue/deliver.ts';
import { askedBy } from './asked.ts';
import type { Decoder } from './decoder.ts';
import type { Json } from './json.ts';
import { type Asked, askedForAll } from './merge.ts';
import type { Told } from './settle.ts';

/** What opens and decodes answers. */
export interface Decoding {
  readonly keyring: Keyring;
  readonly decoder: Decoder;
}

/** What a stored answer tells, or why it is no inventory. */
export async function toldBy(
  { keyring, decoder }: Decoding,
  answer: StoredAnswer,
  traceId: string | null,
): Promise<Told | { readonly problem: string }> {
  const { result, enrollmentId, commandUuid, requestType } = answer;
  if (result === null) return { problem: 'The answer is too long.' };
  const bytes = keyring.open(resultPlace(enrollmentId, commandUuid), result);
  const outcome = await decoder.decode({ bytes, requestType });
  if ('problem' in outcome) return outcome;
  const { enrollmentKey, commandKey, ofDevice, answeredAt } = answer;
  // The thread made it of a property list, so it is JSON.
  const content: Json = JSON.parse(outcome.content);
  return {
    enrollmentKey,
    commandKey,
    ofDevice,
    section: requestType,
    content,
    at: answeredAt,
    traceId,
    asked: askedFor(keyring, answer),
  };
}

function askedFor(
  keyring: Keyring,
  { body, bodySealed, commandUuid, tenantId, requestType }: StoredAnswer,
): Asked {
  if (body === null) return askedForAll;
  const place = commandBodyPlace(tenantId, commandUuid);
  return askedBy(requestType, bodySealed ? keyring.open(place, body) : body);
}
