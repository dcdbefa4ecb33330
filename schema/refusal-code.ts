import { builder } from './builder.ts';

const codes = {
  UNKNOWN_ENROLLMENT: { description: 'No enrolment has this id.' },
  NOT_ENABLED: { description: 'It has checked out, or has not finished to enrol.' },
  ALREADY_PENDING: {
    description:
      'A command of this kind, which wipes, locks or shuts out, waits for it already; `force` queues ' +
      'another.',
  },
} as const;

export type RefusalCode = keyof typeof codes;

export const RefusalCodeEnum = builder.enumType('TargetRefusalCode', {
  description: 'Why a command is not queued for a target.',
  values: codes,
});

export function isRefusalCode(text: string | null): text is RefusalCode {
  return text !== null && Object.hasOwn(codes, text);
}
