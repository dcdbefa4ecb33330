import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { Io, Sink } from './io.ts';

/** One Ctrl-C is heard twice under npx: from the terminal, and passed on by npm. In milliseconds. */
const onePress = 2_000;

/** The process's own streams. Ctrl-C ends a command gently, and the second time at once. */
export function processIo(): Io {
  const interrupted = new AbortController();
  let interruptedAt = 0;
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(signal, () => {
      if (!interrupted.signal.aborted) {
        interruptedAt = performance.now();
        interrupted.abort();
      } else if (performance.now() - interruptedAt > onePress) {
        process.exit(status);
      }
    });
  }
  const { stdin } = process;
  return {
    stdout: sinkOf(process.stdout),
    stderr: sinkOf(process.stderr),
    stdin: {
      isTerminal: stdin.isTTY,
      async bytes() {
        const parts: Buffer[] = [];
        for await (const part of stdin) parts.push(Buffer.from(part));
        return Buffer.concat(parts);
      },
      line: (question, { hidden = false } = {}) => ask(question, hidden, interrupted.signal),
    },
    env: process.env,
    interrupted: interrupted.signal,
  };
}

function sinkOf(stream: NodeJS.WriteStream): Sink {
  // Whoever reads has seen enough (`| head`): there is nothing left to do, and nothing wrong.
  stream.on('error', (error: NodeJS.ErrnoException) =>
    process.exit(error.code === 'EPIPE' ? 0 : 1),
  );
  return {
    isTerminal: stream.isTTY,
    get columns() {
      return stream.columns || 80;
    },
    write: (text) =>
      new Promise((resolve) => {
        stream.write(text, () => resolve());
      }),
  };
}

/** Questions go to stderr, where they are not taken for output. */
function ask(question: string, hidden: boolean, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    const silent = new Writable({ write: (_part, _encoding, done) => done() });
    process.stderr.write(question);
    const reader = createInterface({
      input: process.stdin,
      output: hidden ? silent : process.stderr,
      terminal: process.stdin.isTTY,
    });
    let answer: string | null = null;
    reader.once('line', (line) => {
      answer = line;
      reader.close();
    });
    // Readline takes Ctrl-C for itself.
    reader.once('SIGINT', () => process.kill(process.pid, 'SIGINT'));
    signal.addEventListener('abort', () => reader.close(), { once: true });
    reader.once('close', () => {
      if (hidden || answer === null) process.stderr.write('\n');
      resolve(answer);
    });
  });
}
