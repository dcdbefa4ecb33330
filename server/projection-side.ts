import type { WakeUps } from './events/wake-ups.ts';
import type { MdmContext } from './mdm/context.ts';
import type { Projection } from './mdm/projection/projection.ts';
import { type Projector, startProjector } from './mdm/projection/projector.ts';
import type { Metrics } from './model/metrics.ts';

/** Starts what derives from events; every process takes its share. */
export function projectionSide(
  { graph, clock, log, committed }: MdmContext,
  wakeUps: WakeUps,
  metrics: Metrics,
): Promise<Projector> {
  const projections: readonly Projection[] = [];
  return startProjector({ pool: graph, projections, wakeUps, committed, clock, log, metrics });
}
