import { readFileSync } from 'node:fs';
import { writeDurably } from './cursor-file.ts';

/** A webhook that was given up, as a line of the file. */
export interface DeadLetter {
  /** When it was given up. */
  readonly at: string;
  readonly why: string;
  readonly tries: number;
  /** The webhook's body, as it was posted. */
  readonly body: string;
}

/** Appends a webhook that was given up; it is on the disk when this returns. */
export function bury(path: string, letter: DeadLetter): void {
  writeDurably(path, 'a', `${JSON.stringify(letter)}\n`);
}

/** Reads the bodies back. @throws {TypeError} a line is none of ours */
export function deadLetters(path: string): readonly string[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.flatMap((line, index) => {
    if (line === '') return [];
    const letter: unknown = JSON.parse(line);
    const body: unknown = Object(letter).body;
    if (typeof body !== 'string') throw new TypeError(`${path}: line ${index + 1} has no body`);
    return body;
  });
}
