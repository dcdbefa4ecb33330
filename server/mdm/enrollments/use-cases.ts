import type { Viewer } from '../../model/viewer.ts';
import type { MdmContext } from '../context.ts';
import { type ChangeTagsAnswer, type ChangeTagsInput, changeTags } from './change-tags.ts';
import { type SetNotesAnswer, type SetNotesInput, setNotes } from './set-notes.ts';

/** What people write about enrolments; the graph offers these. */
export interface EnrollmentUseCases {
  changeTags(viewer: Viewer, input: ChangeTagsInput): Promise<ChangeTagsAnswer>;
  setNotes(viewer: Viewer, input: SetNotesInput): Promise<SetNotesAnswer>;
}

export function enrollmentUseCases(ctx: MdmContext): EnrollmentUseCases {
  return {
    changeTags: (viewer, input) => changeTags(ctx, viewer, input),
    setNotes: (viewer, input) => setNotes(ctx, viewer, input),
  };
}
