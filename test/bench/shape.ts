/** What a database holds before the devices of a benchmark speak. */
export interface Shape {
  /** Enrolments. Those that speak are spread evenly among them. */
  readonly enrollments: number;
  /** Targets of commands that were finished. */
  readonly history: number;
  /** On how many enrolments, spread evenly, all of the history lies; null: on all. */
  readonly deep: number | null;
}

/** Every how many enrolments one is chosen, so that `some` of them are spread over all. */
export function stepOf(enrollments: number, some: number): number {
  return Math.max(1, Math.floor(enrollments / some));
}

/** On how many enrolments the history lies, and how many commands each of them has, rounded up. */
export function historyOf({ enrollments, history, deep }: Shape): {
  readonly step: number;
  readonly targets: number;
  readonly each: number;
} {
  const step = deep === null ? 1 : stepOf(enrollments, deep);
  const targets = Math.ceil(enrollments / step);
  return { step, targets, each: Math.ceil(history / targets) };
}

/** What a shape is called in tables. */
export function titleOf({ enrollments, history, deep }: Shape): string {
  const size = `${enrollments.toLocaleString('en')} enrolments`;
  if (history === 0) return `${size}, no history`;
  const where = deep === null ? '' : ` on ${deep.toLocaleString('en')}`;
  return `${size}, ${history.toLocaleString('en')} finished${where}`;
}

/**
 * Reads shapes as the command line has them: `1000000:7500000:1000` is a million enrolments with 7,500,000
 * finished commands, all of them on 1,000.
 */
export function readShapes(text: string): readonly Shape[] {
  return text.split(',').map((one) => {
    const [enrollments = 0, history = 0, deep = null] = one.split(':').map(Number);
    if (!(enrollments > 0) || !(history >= 0) || (deep !== null && !(deep > 0))) {
      throw new Error(`${one} is no shape: ENROLMENTS:HISTORY or ENROLMENTS:HISTORY:DEEP`);
    }
    return { enrollments, history, deep };
  });
}
