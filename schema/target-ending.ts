import { builder } from './builder.ts';

const endings = {
  ANSWERED: { description: 'The device answered it.' },
  RE_ENROLLED: { description: 'The device enrolled anew before it was answered.' },
  UNENROLLED: { description: 'The device left before it was answered.' },
  CLEARED: { description: 'The queue was cleared.' },
  CANCELLED: { description: 'It was taken back.' },
  EXPIRED: { description: 'Its time ran out.' },
  MOVED: { description: 'The device was moved to another tenant before it was answered.' },
} as const;

type TargetEnding = keyof typeof endings;

export const targetEnding = builder.enumType('TargetEnding', {
  description: 'How a command leaves the queue of an enrolment.',
  values: endings,
});

/** @throws {TypeError} the database holds a word that this version does not know */
export function targetEndingOf(text: string): TargetEnding {
  if (!isTargetEnding(text)) throw new TypeError(`Unknown ending of a command: ${text}`);
  return text;
}

export function isTargetEnding(text: string): text is TargetEnding {
  return Object.hasOwn(endings, text);
}
