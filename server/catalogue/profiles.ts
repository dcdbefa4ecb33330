import { profilesData } from './facts/profiles.ts';
import type { PayloadDefinition } from './definition.ts';

/** Every PayloadType of Apple's schema, in alphabetical order, without repeats. */
export const payloadTypes: readonly string[] = [...new Set(profilesData.map(({ type }) => type))];

/**
 * What Apple's schema says of a profile's payload. Some types have several definitions, told apart
 * by `name`: each describes other settings of the same payload.
 */
export function profileDefinitions(payloadType: string): readonly PayloadDefinition[] {
  return profilesData.filter(({ type }) => type === payloadType);
}
