/** Which commands: every member that is given must hold. */
export interface CommandFilter {
  readonly requestTypes?: readonly string[];
  readonly createdBy?: string;
  /** From this time on. */
  readonly createdFrom?: Date;
  /** Before this time. */
  readonly createdBefore?: Date;
  /** True: somebody's queue still holds it. */
  readonly open?: boolean;
}
