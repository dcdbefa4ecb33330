import { ValidationError } from '../server/model/errors.ts';
import type { TargetState } from '../server/model/targets.ts';
import { builder } from './builder.ts';

export const TargetStateEnum = builder.enumType('TargetState', {
  description: 'How an enrolment stands to a command.',
  values: {
    PENDING: { description: 'It is in the queue; the device has not answered.' },
    NOT_NOW: { description: 'It is in the queue; the device has put it off.' },
    ACKNOWLEDGED: { description: 'The device has done it.' },
    ERROR: { description: 'The device answered that it could not.' },
    REFUSED: { description: 'It was never queued; `rule` says why.' },
    CANCELLED: { description: 'It was taken back.' },
    CLEARED: { description: 'The queue was cleared.' },
    EXPIRED: { description: 'Its time ran out.' },
    UNENROLLED: { description: 'The device left before it answered.' },
    MOVED: { description: 'The device was moved to another tenant before it answered.' },
    RE_ENROLLED: { description: 'The device enrolled anew before it answered.' },
  } as const satisfies Readonly<Record<TargetState, { readonly description: string }>>,
});

/** @throws {ValidationError} an empty list: nothing could ever match */
export function wantedStates(
  states: readonly TargetState[] | null | undefined,
): readonly TargetState[] | null {
  if (!states) return null;
  if (states.length > 0) return [...new Set(states)];
  throw new ValidationError(
    'EMPTY_LIST',
    '`states` is empty, so that nothing could ever match. Leave it out to mean any.',
    ['states'],
  );
}
