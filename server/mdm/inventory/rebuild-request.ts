import type { Viewer } from '../../model/viewer.ts';
import { countRebuilt } from '../../store/inventory/rebuild.ts';
import type { MdmContext } from '../context.ts';
import { demandScope } from '../demand-scope.ts';
import {
  askForTargetsJob,
  type TargetsJobAnswer,
  type TargetsJobInput,
} from '../jobs/over-targets.ts';
import { rebuildJobKind } from './rebuild-input.ts';

/**
 * Clears the inventory of enrolments and derives it anew from the answers that are kept: a job does so.
 * @throws {NotFoundError} none of the ids exists for this viewer
 * @throws {ForbiddenError} the token may not change enrolments
 */
export async function rebuildInventory(
  ctx: MdmContext,
  viewer: Viewer,
  input: TargetsJobInput,
): Promise<TargetsJobAnswer> {
  demandScope(viewer, 'enrollments:write');
  return askForTargetsJob(ctx, viewer, input, {
    mutation: 'rebuildInventory',
    kind: rebuildJobKind,
    enabledOnly: false,
    count: countRebuilt,
  });
}
