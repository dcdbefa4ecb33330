import type { Viewer } from '../../model/viewer.ts';
import type { MdmContext } from '../context.ts';
import { rebuildInventory } from '../inventory/rebuild-request.ts';
import type { TargetsJobAnswer, TargetsJobInput } from '../jobs/over-targets.ts';
import { type ChangeTagsAnswer, type ChangeTagsInput, changeTags } from './change-tags.ts';
import { type SetNotesAnswer, type SetNotesInput, setNotes } from './set-notes.ts';

/** What people write about enrolments, and have derived anew; the graph offers these. */
export interface EnrollmentUseCases {
  changeTags(viewer: Viewer, input: ChangeTagsInput): Promise<ChangeTagsAnswer>;
  setNotes(viewer: Viewer, input: SetNotesInput): Promise<SetNotesAnswer>;
  rebuildInventory(viewer: Viewer, input: TargetsJobInput): Promise<TargetsJobAnswer>;
}

export function enrollmentUseCases(ctx: MdmContext): EnrollmentUseCases {
  return {
    changeTags: (viewer, input) => changeTags(ctx, viewer, input),
    setNotes: (viewer, input) => setNotes(ctx, viewer, input),
    rebuildInventory: (viewer, input) => rebuildInventory(ctx, viewer, input),
  };
}
