import type { Io, Sink } from '../io.ts';

/** Gives text a look. */
export interface Style {
  heading(text: string): string;
  error(text: string): string;
  faint(text: string): string;
}

/** The look on a terminal; elsewhere, and with NO_COLOR, there is none. */
export function styleOf(sink: Sink, env: Io['env']): Style {
  const isColoured = sink.isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  const look = (code: number) => (text: string) =>
    isColoured && text !== '' ? `\u001B[${code}m${text}\u001B[0m` : text;
  return { heading: look(1), error: look(31), faint: look(2) };
}
