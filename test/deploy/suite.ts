import { afterAll, beforeAll, describe } from 'vitest';
import { describeIdentity } from './identity-suite.ts';
import { describePassage } from './passage-suite.ts';
import type { ProxyKind } from './proxies.ts';
import { type Stage, startStage } from './stage.ts';

/** What must hold of every proxy that there is a configuration for. */
export function describeProxy(kind: ProxyKind): void {
  const left = kind.program === null ? ' (left out: the program was not found)' : '';
  describe.skipIf(kind.program === null)(`${kind.name}${left}`, () => {
    let stage: Stage;
    beforeAll(async () => {
      stage = await startStage(kind);
    });
    afterAll(() => stage.stop());

    describeIdentity(() => stage);
    describePassage(() => stage);
  });
}
