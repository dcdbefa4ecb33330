import type { Command } from './command.ts';
import { commandsSend } from './commands/send.ts';
import { commandsWatch } from './commands/watch.ts';
import { enrollmentsList } from './enrollments/list.ts';
import { enrollmentsShow } from './enrollments/show.ts';
import { login, logout } from './login.ts';

/** Every command. Help, completion and docs/cli.md are made from it. */
export const table: readonly Command[] = [
  enrollmentsList,
  enrollmentsShow,
  commandsSend,
  commandsWatch,
  login,
  logout,
];
