/** When a device answered what. */
export interface Moment {
  readonly answeredAt: Date;
  readonly commandKey: bigint;
}

/** Whether one answer came after another: what was told before never overwrites what was told since. */
export function isNewer(one: Moment, other: Moment): boolean {
  const [at, known] = [one.answeredAt.getTime(), other.answeredAt.getTime()];
  return at > known || (at === known && one.commandKey > other.commandKey);
}
