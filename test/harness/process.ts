import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { builtProgram } from './built-package.ts';
import { killProcesses, postmastersBelow, withDescendants } from './process-tree.ts';
import { root } from './root.ts';

/** How a process ended, and all that it wrote. */
export interface Exit {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The first line of a server's log. */
export interface Listening {
  readonly port: number;
  readonly url: string;
  readonly deviceUrl: string;
  readonly graphqlUrl: string;
  readonly pid: number;
}

type LogLine = Readonly<Record<string, unknown>>;

/** A server that was started as a process of its own. */
export interface ServerProcess {
  /** Of what was started: the server, or the npm that started it. */
  readonly pid: number;
  /** Told as soon as it serves; rejects when it ends before. */
  readonly listening: Promise<Listening>;
  readonly ended: Promise<Exit>;
  /** What it has logged so far. */
  readonly log: readonly LogLine[];
  /**
   * A line with this message, at once when it was logged already; rejects when it has ended.
   * @param nth  which one, the first unless said
   */
  logged(message: string, nth?: number): Promise<LogLine>;
  signal(name: NodeJS.Signals): void;
  /** Reads no more of what it writes, as a reader of logs that has died. */
  hangUp(): void;
  /** Ends it as an operator does. */
  stop(): Promise<Exit>;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** @default the server, as it was built for this run */
  readonly command?: readonly [program: string, ...words: string[]];
  readonly cwd?: string;
}

/** A folder for one test, removed when that has finished, with every database that runs in it. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'graphmdm-process-'));
  // Under root PostgreSQL runs as another user, who has to pass through.
  chmodSync(folder, 0o711);
  onTestFinished(async () => {
    await killProcesses(postmastersBelow(folder).flatMap(withDescendants));
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/**
 * Starts the program as a child that leads a process group of its own; killed when the test finishes.
 * It gets no variable of ours but what a system needs, so that nothing here decides what it does.
 */
export function startProcess(flags: readonly string[], options: StartOptions = {}): ServerProcess {
  const [program, ...words] = options.command ?? [process.execPath, builtProgram('server/main.js')];
  const child = spawn(program, [...words, ...flags], {
    cwd: options.cwd ?? root,
    env: { ...systemEnvironment(), ...options.env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} does not start`);
  const ended = exitOf(child);
  const log: LogLine[] = [];
  const news = new EventTarget();
  void ended.then(() => news.dispatchEvent(new Event('ended')));
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{')) return;
    log.push(JSON.parse(line));
    news.dispatchEvent(new Event('line'));
  });

  const logged = async (message: string, nth = 1): Promise<LogLine> => {
    for (;;) {
      const found = log.filter(({ msg }) => msg === message)[nth - 1];
      if (found) return found;
      if (child.exitCode !== null || child.signalCode !== null) {
        const { status, signal, stdout, stderr } = await ended;
        throw new Error(`no “${message}” before the end (${status ?? signal}): ${stdout}${stderr}`);
      }
      await Promise.race([once(news, 'line'), once(news, 'ended')]);
    }
  };
  const listening = logged('listening').then((line) => line as LogLine & Listening);
  listening.catch(() => {});

  onTestFinished(async () => {
    await killProcesses(withDescendants(pid));
    await ended;
  });
  return {
    pid,
    listening,
    ended,
    log,
    logged,
    signal: (name) => void child.kill(name),
    hangUp() {
      child.stdout.destroy();
      child.stderr.destroy();
    },
    async stop() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

/** Runs the program until it ends by itself. */
export function runProcess(flags: readonly string[], options: StartOptions = {}): Promise<Exit> {
  return startProcess(flags, options).ended;
}

async function exitOf(child: ChildProcess): Promise<Exit> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [status, signal] = await once(child, 'close');
  return { status, signal, stdout, stderr };
}

function systemEnvironment(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'LD_LIBRARY_PATH'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
