const traces = new WeakMap<object, string>();

/** Notes which operation an error is of, for whoever tells of it when the operation is no longer under way. */
export function noteTrace(error: object, traceId: string): void {
  traces.set(error, traceId);
}

/** The trace id of the operation that an error is of, if it was noted. */
export function notedTrace(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null ? traces.get(error) : undefined;
}
