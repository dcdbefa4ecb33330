import { documentsData } from './facts/documents.ts';
import { errorsData } from './facts/errors.ts';
import type { PayloadDefinition } from './definition.ts';

/** Bodies of a server's 403 answers, each by the code that it carries. */
export const errorDefinitions: ReadonlyMap<string, PayloadDefinition> = new Map(
  errorsData.flatMap((error) =>
    error.keys
      .filter(({ key }) => key === 'code')
      .flatMap(({ values }) => (values ?? []).map((code) => [String(code), error] as const)),
  ),
);

/** Documents beside the protocol's messages: `MachineInfo`, `StatusReport`, `SkipKeys`, … */
export function documentDefinition(type: string): PayloadDefinition | undefined {
  return documentsData.find((document) => document.type === type);
}
