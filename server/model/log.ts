/** Named values that a log line carries next to its message. Never bodies, never secrets. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What every room logs through; `server/observe` stands behind it. */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A log whose lines all carry `fields` too. */
  child(fields: LogFields): Log;
}

/** A log that says nothing, for tools and tests that want silence. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};
