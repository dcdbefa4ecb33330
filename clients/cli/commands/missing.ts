import { Failure } from '../failure.ts';

/** A command that is not there. */
export function noCommand(uuid: string): Failure {
  return new Failure('NOT_FOUND', `There is no command ${uuid} for this token.`, {
    advice: '`graphmdm commands list` lists them.',
  });
}
