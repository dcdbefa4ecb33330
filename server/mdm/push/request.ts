import type { Viewer } from '../../model/viewer.ts';
import { previewTargets } from '../../store/queue/enqueue.ts';
import type { MdmContext } from '../context.ts';
import { demandScope } from '../demand-scope.ts';
import {
  askForTargetsJob,
  type TargetsJobAnswer,
  type TargetsJobInput,
} from '../jobs/over-targets.ts';
import { pushJobKind } from './push-job-input.ts';

/**
 * Wakes enrolments: a job pushes to all of them.
 * @throws {NotFoundError} none of the ids exists for this viewer
 * @throws {ForbiddenError} the token may not push
 */
export async function pushEnrollments(
  ctx: MdmContext,
  viewer: Viewer,
  input: TargetsJobInput,
): Promise<TargetsJobAnswer> {
  demandScope(viewer, 'push:write');
  return askForTargetsJob(ctx, viewer, input, {
    mutation: 'pushEnrollments',
    kind: pushJobKind,
    enabledOnly: true,
    count: (client, targets, tenant) => previewTargets(client, targets, tenant),
  });
}
