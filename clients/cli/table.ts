import { audit } from './audit.ts';
import type { Command } from './command.ts';
import { commandsCancel, queueCancel } from './commands/cancel.ts';
import { commandsList } from './commands/list.ts';
import { commandsRetry } from './commands/retry.ts';
import { commandsSend } from './commands/send.ts';
import { commandsShow } from './commands/show.ts';
import { commandsTargets } from './commands/targets.ts';
import { commandsWatch } from './commands/watch.ts';
import { completionOf } from './completion/completion.ts';
import { enrollmentsList } from './enrollments/list.ts';
import { enrollmentsShow } from './enrollments/show.ts';
import { eventsTail } from './events/tail.ts';
import { invitationsCreate } from './invitations/create.ts';
import { invitationsList } from './invitations/list.ts';
import { invitationsRevoke } from './invitations/revoke.ts';
import { jobsCancel, jobsPause, jobsResume } from './jobs/control.ts';
import { jobsList } from './jobs/list.ts';
import { jobsWatch } from './jobs/watch.ts';
import { exportCommand } from './migration/export.ts';
import { importNanomdm } from './migration/import-nanomdm.ts';
import { migrate } from './migration/migrate.ts';
import { login, logout } from './login.ts';
import { push } from './push.ts';
import { pushcertComplete } from './pushcert/complete.ts';
import { pushcertList } from './pushcert/list.ts';
import { pushcertRequest } from './pushcert/request.ts';
import { pushcertUpload } from './pushcert/upload.ts';
import { queueClear } from './queue/clear.ts';
import { queueShow } from './queue/show.ts';
import { renewalsList } from './renewals/list.ts';
import { tagsAdd, tagsRemove } from './tags/change.ts';
import { tagsList } from './tags/list.ts';
import { tokensList } from './tokens/list.ts';
import { tokensCreate, tokensRotate } from './tokens/new.ts';
import { tokensRevoke } from './tokens/revoke.ts';
import { whoami } from './whoami.ts';

/** Every command. Help, completion and docs/cli.md are made from it. */
export const table: readonly Command[] = [
  enrollmentsList,
  enrollmentsShow,
  commandsSend,
  commandsWatch,
  commandsList,
  commandsShow,
  commandsTargets,
  commandsCancel,
  commandsRetry,
  queueShow,
  queueClear,
  queueCancel,
  push,
  eventsTail,
  jobsList,
  jobsWatch,
  jobsCancel,
  jobsPause,
  jobsResume,
  tagsList,
  tagsAdd,
  tagsRemove,
  invitationsCreate,
  invitationsList,
  invitationsRevoke,
  renewalsList,
  pushcertList,
  pushcertUpload,
  pushcertRequest,
  pushcertComplete,
  tokensList,
  tokensCreate,
  tokensRevoke,
  tokensRotate,
  audit,
  whoami,
  importNanomdm,
  migrate,
  exportCommand,
  login,
  logout,
  completionOf(() => table),
];
