import type { Keyring } from '../../secrets/keyring.ts';
import type { StoredCommand } from '../../store/hot/next-command.ts';

/** Where a command's sealed body is bound to. */
export function commandBodyPlace(tenantId: number, uuid: string) {
  return { table: 'command', column: 'body', row: `${tenantId}/${uuid}` };
}

/** Where a report's sealed bytes are bound to. */
export function resultPlace(enrollmentId: string, commandUuid: string) {
  return { table: 'command_result', column: 'result', row: `${enrollmentId}/${commandUuid}` };
}

/** The command's bytes exactly as they were enqueued. */
export function commandBytes(keyring: Keyring, command: StoredCommand): Buffer {
  return command.bodySealed
    ? keyring.open(commandBodyPlace(command.tenantId, command.uuid), command.body)
    : command.body;
}
