import type { FailInfo } from '../protocol/scep/attributes.ts';

/** A SCEP request that is answered with a failure. */
export class ScepRefused extends Error {
  override readonly name = 'ScepRefused';
  readonly failInfo: FailInfo;

  /** @param reason  for the log; the client learns `failInfo` only */
  constructor(failInfo: FailInfo, reason: string) {
    super(reason);
    this.failInfo = failInfo;
  }
}
