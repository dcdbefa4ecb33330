import type { WakeUps } from './events/wake-ups.ts';
import type { MdmContext } from './mdm/context.ts';
import type { Decoder } from './mdm/inventory/decoder.ts';
import { inventoryProjection } from './mdm/inventory/projection.ts';
import type { Projection } from './mdm/projection/projection.ts';
import { countTargets } from './mdm/queue/count-targets.ts';
import { type Projector, startProjector } from './mdm/projection/projector.ts';
import type { Metrics } from './model/metrics.ts';

/** Starts what derives from events; every process takes its share. */
export async function projectionSide(
  { graph, keyring, handOver, clock, log, committed }: MdmContext,
  decoder: Decoder,
  wakeUps: WakeUps,
  metrics: Metrics,
): Promise<Projector> {
  const projections: readonly Projection[] = [
    inventoryProjection({ pool: graph, keyring, decoder, handOver }),
    countTargets,
  ];
  const parts = { pool: graph, projections, wakeUps, committed, clock, log, metrics };
  return startProjector(parts);
}
