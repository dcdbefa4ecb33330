import type { JobKind } from './jobs/runner.ts';
import type { MdmContext } from './mdm/context.ts';
import { createDecoder, type Decoder } from './mdm/inventory/decoder.ts';
import { rebuildJobKind } from './mdm/inventory/rebuild-input.ts';
import { runRebuildJob } from './mdm/inventory/rebuild-job.ts';

/** What decodes answers, and the job that does so anew. */
export interface InventorySide {
  readonly decoder: Decoder;
  readonly jobs: ReadonlyMap<string, JobKind>;
}

/** Stop the decoder when projections and jobs have stopped. */
export function inventorySide(ctx: MdmContext): InventorySide {
  const decoder = createDecoder({ clock: ctx.clock, log: ctx.log });
  return {
    decoder,
    jobs: new Map<string, JobKind>([[rebuildJobKind, (job) => runRebuildJob(ctx, decoder, job)]]),
  };
}
