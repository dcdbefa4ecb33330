import { isUtf8 } from 'node:buffer';

/** Bytes that one line may have. A result of a device may be large; nothing else is. */
export const longestLine = 16 * 1024 * 1024;

/** What is wrong with a file as a whole, so that none of it can be used. */
export class UploadProblem extends Error {
  override readonly name = 'UploadProblem';
  readonly code: 'LINE_TOO_LONG' | 'NOT_UTF8' | 'CUT_SHORT' | 'EMPTY' | 'BAD_GZIP';
  /** The line that it was met in, from 1. */
  readonly line: number;

  constructor(code: UploadProblem['code'], message: string, line: number) {
    super(message);
    this.code = code;
    this.line = line;
  }
}

/** A line of the file: its number, from 1, and its bytes without the line break. */
export interface Line {
  readonly line: number;
  readonly bytes: Buffer;
}

/** Cuts a file into lines as it arrives, holding one unfinished line at most. */
export interface LineSplitter {
  /** The line that is under way, from 1. */
  readonly current: number;
  /** @throws {UploadProblem} a line is too long, or no UTF-8 */
  push(chunk: Buffer): Line[];
  /** The last line, when no line break ends it. @throws {UploadProblem} */
  end(): Line[];
}

/** Blank lines count, and are left out. A byte order mark before the first line is none of it. */
export function createLineSplitter(): LineSplitter {
  let current = 1;
  let parts: Buffer[] = [];
  let held = 0;

  function hold(piece: Buffer): void {
    held += piece.length;
    if (held > longestLine) {
      throw new UploadProblem(
        'LINE_TOO_LONG',
        `Line ${current} is longer than ${longestLine} bytes.`,
        current,
      );
    }
    parts.push(piece);
  }

  function take(): Line[] {
    const [only] = parts;
    let bytes = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
    const line = current;
    parts = [];
    held = 0;
    current += 1;
    if (line === 1 && bytes.subarray(0, 3).equals(byteOrderMark)) bytes = bytes.subarray(3);
    if (!isUtf8(bytes)) {
      throw new UploadProblem('NOT_UTF8', `Line ${line} is not UTF-8.`, line);
    }
    return bytes.some((byte) => byte > 0x20) ? [{ line, bytes }] : [];
  }

  return {
    get current() {
      return current;
    },
    push(chunk) {
      const lines: Line[] = [];
      let from = 0;
      for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, from)) {
        hold(chunk.subarray(from, end));
        lines.push(...take());
        from = end + 1;
      }
      // A copy: the chunk may be much larger than the rest that is kept of it.
      if (from < chunk.length) hold(Buffer.from(chunk.subarray(from)));
      return lines;
    },
    end: () => (held === 0 ? [] : take()),
  };
}

const byteOrderMark = Buffer.of(0xef, 0xbb, 0xbf);
