import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Io, Sink } from '../../clients/cli/io.ts';
import { run } from '../../clients/cli/run.ts';
import { adminToken } from '../harness/server.ts';

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string;
  /** A terminal on all three. @default false */
  readonly terminal?: boolean;
  /** What is typed, in order; each is told the question. */
  readonly typed?: readonly string[];
  readonly columns?: number;
}

/** A run that may still go on. */
export interface Running {
  readonly ended: Promise<Ran>;
  /** Resolves when stdout has a text. */
  printed(text: string): Promise<void>;
  /** The same of stderr. */
  said(text: string): Promise<void>;
  /** Ctrl-C. */
  interrupt(): void;
}

/** Starts the program in this process, with streams of its own. */
export function start(argv: readonly string[], options: RunOptions = {}): Running {
  const { terminal = false, stdin = '', columns = 200 } = options;
  const typed = [...(options.typed ?? [])];
  const interrupted = new AbortController();
  const out = recorded(terminal, columns);
  const err = recorded(terminal, columns);
  const io: Io = {
    stdout: out.sink,
    stderr: err.sink,
    stdin: {
      isTerminal: terminal,
      bytes: async () => Buffer.from(stdin),
      async line(question) {
        await err.sink.write(question);
        return typed.shift() ?? null;
      },
    },
    env: options.env ?? {},
    interrupted: interrupted.signal,
  };
  const ended = run(argv, io).then((status) => ({
    status,
    stdout: out.text(),
    stderr: err.text(),
  }));
  void ended.finally(() => {
    out.end();
    err.end();
  });
  return {
    ended,
    printed: out.until,
    said: err.until,
    interrupt: () => interrupted.abort(),
  };
}

/** Runs it to its end against a server. */
export function graphmdm(
  server: { readonly url: string },
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  return start(argv, { ...options, env: { ...envFor(server), ...options.env } }).ended;
}

/** The environment for a server. */
export function envFor({ url }: { readonly url: string }, token = adminToken) {
  return { GRAPHMDM_URL: url, GRAPHMDM_TOKEN: token };
}

/** A folder for one test. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'graphmdm-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function recorded(isTerminal: boolean, columns: number) {
  let text = '';
  let hasEnded = false;
  const waiting = new Set<() => void>();
  const changed = () => {
    for (const look of waiting) look();
  };
  const sink: Sink = {
    isTerminal,
    columns,
    async write(part) {
      text += part;
      changed();
    },
  };
  return {
    sink,
    text: () => text,
    end() {
      hasEnded = true;
      changed();
    },
    until: (wanted: string) =>
      new Promise<void>((resolve, reject) => {
        const look = () => {
          if (text.includes(wanted)) resolve();
          else if (hasEnded) reject(new Error(`it ended without "${wanted}":\n${text}`));
          else return;
          waiting.delete(look);
        };
        waiting.add(look);
        look();
      }),
  };
}
