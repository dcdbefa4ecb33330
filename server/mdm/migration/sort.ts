import type { NewMigrationRecord } from '../../store/migration/records.ts';
import type { Decoded, RecordProblem } from './decode.ts';
import type { RecordKind } from './records.ts';

/** What is worked on in which order: what all share, then each device with its users, then history. */
export const phases = { shared: 1, enrollments: 2, results: 3 } as const;

/** Records without which an enrolment would come in as something that its device would notice. */
const essential: ReadonlySet<RecordKind> = new Set([
  'authenticate',
  'tokenUpdate',
  'setBootstrapToken',
  'certificateAssociation',
  'unlockToken',
  'bootstrapToken',
  'disabled',
]);

/** Times come before this, and what has none after all that have. */
const untimed = '~';

/** Where a record is worked on. `name`: the enrolment or command that it is about. */
export function placeOf(decoded: Decoded, line: number, bytes: number): NewMigrationRecord {
  const of = (phase: number, place: string, name: string) => ({
    phase,
    place,
    line,
    name,
    bytes,
    bad: false,
  });
  switch (decoded.kind) {
    case 'command':
      return of(
        phases.shared,
        // Commands are made in the order of their times: that is the order of every queue.
        decoded.record.createdAt?.text ?? untimed,
        decoded.record.commandUuid,
      );
    case 'pushCertificate':
      return of(phases.shared, untimed, decoded.checked.topic);
    case 'result':
      return of(phases.results, '', decoded.record.enrollment);
    case 'authenticate':
    case 'tokenUpdate':
    case 'userAuthenticate':
    case 'setBootstrapToken': {
      const { id } = decoded.message.enrollment;
      return of(phases.enrollments, deviceGroup(id), id);
    }
    case 'bootstrapToken':
    case 'certificateAssociation':
    case 'disabled':
    case 'queueEntry':
    case 'tally':
    case 'timestamps':
    case 'unlockToken': {
      const { enrollment } = decoded.record;
      return of(phases.enrollments, deviceGroup(enrollment), enrollment);
    }
  }
}

/**
 * Where a bad record leaves its mark, so that nothing of its enrolment comes in.
 * @returns null when none is needed, or when it cannot be told whose it is
 */
export function markOf(problem: RecordProblem, line: number): NewMigrationRecord | null {
  const { kind, enrollment } = problem;
  if (kind === null || enrollment === null || !essential.has(kind)) return null;
  return {
    phase: phases.enrollments,
    place: deviceGroup(enrollment),
    line,
    name: enrollment,
    bytes: 0,
    bad: true,
  };
}

/** A device and its users share this; other devices may, too, which does no harm. */
function deviceGroup(enrollmentId: string): string {
  return enrollmentId.split(':', 1)[0] ?? '';
}
