import type { PoolClient } from 'pg';
import type { Keyring } from '../../secrets/keyring.ts';
import {
  enrollmentKeys,
  findCommands,
  keepMigratedResults,
  type MigratedResult,
} from '../../store/migration/commands.ts';
import { resultPlace } from '../queue/deliver.ts';
import { dateOf, type LineError, type Numbered } from './gather.ts';
import type { RecordOf } from './records.ts';
import type { ImportRun } from './run.ts';

/** Brings in how commands ended elsewhere: history, without events. */
export async function importResults(
  { keyring }: { readonly keyring: Keyring },
  client: PoolClient,
  records: readonly Numbered[],
  tenantId: number,
  run: ImportRun & {
    readonly enrollmentsInFile: (ids: readonly string[]) => Promise<ReadonlySet<string>>;
  },
): Promise<readonly LineError[]> {
  const errors: LineError[] = [];
  const found = records.flatMap(({ line, decoded }) =>
    decoded.kind === 'result' ? [{ line, record: decoded.record }] : [],
  );
  const ids = [...new Set(found.map(({ record }) => record.enrollment))];
  const uuids = [...new Set(found.map(({ record }) => record.commandUuid))];
  const keys = await enrollmentKeys(client, tenantId, ids);
  const commands = await findCommands(client, tenantId, uuids);
  const idsInFile = await run.enrollmentsInFile(ids.filter((id) => !keys.has(id)));
  const uuidsInFile = await run.commandsInFile(uuids.filter((uuid) => !commands.has(uuid)));
  const results = new Map<string, MigratedResult>();
  for (const { line, record } of found) {
    const { enrollment, commandUuid } = record;
    const key = keys.get(enrollment);
    const command = commands.get(commandUuid);
    if (key === undefined && !idsInFile.has(enrollment)) {
      const message = 'Neither file nor server has this enrolment.';
      errors.push({ line, code: 'UNKNOWN_ENROLLMENT', message, subject: enrollment });
    } else if (command === undefined && !uuidsInFile.has(commandUuid)) {
      const message = `Neither file nor server has the command ${commandUuid}.`;
      errors.push({ line, code: 'UNKNOWN_COMMAND', message, subject: enrollment });
    } else if (key !== undefined && command !== undefined) {
      results.set(`${key}/${command.key}`, resultOf(record, key, command.key));
    }
  }
  await keepMigratedResults(client, [...results.values()]);
  return errors;

  function resultOf(
    record: RecordOf<'result'>,
    enrollmentKey: string,
    commandKey: string,
  ): MigratedResult {
    const ended = record.ended ?? 'ANSWERED';
    const told = dateOf(record.answeredAt) ?? dateOf(record.endedAt) ?? run.at;
    const { result, status } = record;
    return {
      enrollmentKey,
      commandKey,
      ended,
      status: status ?? null,
      result:
        result === undefined
          ? null
          : keyring.seal(resultPlace(record.enrollment, record.commandUuid), result),
      notNowAt: dateOf(record.notNowAt),
      notNowTally: record.notNowTally ?? (record.notNowAt === undefined ? 0 : 1),
      firstSentAt: dateOf(record.firstSentAt),
      queuedAt: dateOf(record.queuedAt) ?? dateOf(record.firstSentAt) ?? told,
      endedAt: dateOf(record.endedAt) ?? told,
      answeredAt: status === undefined ? null : told,
    };
  }
}
