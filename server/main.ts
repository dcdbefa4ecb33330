import './production.ts';
import cluster from 'node:cluster';
import { helpText } from './config/help.ts';
import { parseSettings, type Settings } from './config.ts';
import { holdBack } from './first-line.ts';
import { boundHeapGrowth, startObjectsYoung } from './heap.ts';
import { StartupError } from './model/errors.ts';
import type { Log } from './model/log.ts';
import { createLog } from './observe/log.ts';
import { createMetrics } from './observe/metrics.ts';
import type { Running } from './serve.ts';
import { packageVersion } from './store/package-root.ts';
import { openWorkerLink } from './worker-link.ts';
import { startWorkers, type Workers } from './workers.ts';

const terminal = process.stderr.isTTY ? (text: string) => void process.stderr.write(text) : null;

async function main(): Promise<void> {
  const configured = parseSettings(process.argv.slice(2), process.env);
  if ('asksFor' in configured) {
    process.stdout.write(configured.asksFor === 'help' ? helpText() : `${packageVersion()}\n`);
    return;
  }
  if ('errors' in configured) {
    process.stderr.write(`${configured.errors.join('\n')}\nSee --help for all settings.\n`);
    process.exitCode = 1;
    return;
  }
  const { settings, warnings } = configured;
  const output = holdBack((text) => void process.stdout.write(text));
  const log = createLog(settings.logLevel, output);
  for (const warning of warnings) log.warn({}, warning);

  if (settings.workers > 1 && cluster.isPrimary) {
    const whenAsked = stopOnSignals(log, 'primary');
    let workers: Workers | null = null;
    // From the beginning, or it would end a server that still starts; whose workers are new anyway.
    process.on('SIGHUP', () => void workers?.restart());
    const started = await startWorkers(settings.workers, log);
    if (started === null) {
      output.release();
      process.exitCode = 1;
      return;
    }
    ({ workers } = started);
    whenAsked(workers);
    output.release(firstLine(settings, started));
    started.told();
    tellTerminal(settings, started.url);
    return;
  }

  boundHeapGrowth();
  startObjectsYoung();
  // The primary of workers gets along without it, and without the memory that it takes.
  const { serve } = await import('./serve.ts');
  const metrics = createMetrics();
  const isWorker = cluster.isWorker;
  const whenAsked = stopOnSignals(log, isWorker ? 'worker' : 'alone');
  const link = isWorker
    ? openWorkerLink(metrics, {
        toStop: () => void process.emit('SIGTERM', 'SIGTERM'),
        alone: () => void process.emit('SIGTERM', 'SIGTERM'),
      })
    : null;
  let running: Running;
  try {
    running = await serve({ settings, log, metrics, terminal, link, late: hasEarlierWorkers() });
  } catch (error) {
    output.release();
    if (!(error instanceof StartupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
    process.disconnect?.();
    return;
  }
  // Handed over before anybody is told where it listens, and may ask it to stop.
  whenAsked(running);
  if (link !== null) {
    await link.listening(running.port, running.url);
    output.release();
    return;
  }
  output.release(firstLine(settings, running));
  tellTerminal(settings, running.url);
}

/** The first worker finds out whether the port can be had; until it listens there is no other. */
function hasEarlierWorkers(): boolean {
  return cluster.worker !== undefined && cluster.worker.id > 1;
}

/** What scripts wait for. */
function firstLine(
  settings: Settings,
  { port, url }: { readonly port: number; readonly url: string },
): Readonly<Record<string, unknown>> {
  return {
    level: 'info',
    time: new Date().toISOString(),
    msg: 'listening',
    port,
    url,
    deviceUrl: `${settings.publicUrl ?? url}/mdm`,
    graphqlUrl: `${url}/graphql`,
    pid: process.pid,
  };
}

function tellTerminal(settings: Settings, url: string): void {
  terminal?.(
    `graphmdm listens on ${url}\n` +
      `  GraphiQL    ${url}/graphql\n` +
      `  device URL  ${settings.publicUrl ?? url}/mdm\n`,
  );
}

/** What can be stopped. */
type Stoppable = Pick<Running, 'stop'>;

/** One Ctrl-C is heard twice under npm: from the terminal, and passed on by npm. In milliseconds. */
const onePress = 2_000;

/**
 * Stops on SIGTERM and SIGINT, and when its terminal is closed. Asked while it starts, it stops once it has started: a database of our own
 * must not be left running.
 *
 * A worker is stopped by the primary, or by a SIGTERM of its own to have it replaced. What a terminal or
 * a service manager sends to the whole group reaches it as well, and says nothing new.
 * @returns takes the server when it runs
 */
function stopOnSignals(log: Log, as: 'alone' | 'primary' | 'worker'): (running: Stoppable) => void {
  let running: Stoppable | null = null;
  let asked: NodeJS.Signals | null = null;
  let askedAt = 0;
  const stop = (): void => {
    if (running === null || asked === null) return;
    log.info({ signal: asked }, 'stopping');
    void running.stop().then(() => {
      log.info({}, 'stopped');
      process.exit(0);
    });
  };
  const hear = (signal: NodeJS.Signals): void => {
    if (asked !== null) {
      // Asked again: whoever asks does not want to wait for what is still being drained.
      if (as !== 'worker' && performance.now() - askedAt > onePress) process.exit(1);
      return;
    }
    asked = signal;
    askedAt = performance.now();
    stop();
  };
  process.on('SIGTERM', hear);
  process.on('SIGINT', as === 'worker' ? () => {} : hear);
  if (as === 'worker') process.on('SIGHUP', () => {});
  // It would end at once and leave a database of our own running. Without a terminal, as under `nohup`, nobody has
  // closed one.
  if (as === 'alone') {
    process.on('SIGHUP', (signal) =>
      process.stderr.isTTY
        ? hear(signal)
        : log.info(
            { signal },
            'without --workers there is nothing to replace; SIGTERM stops the server',
          ),
    );
  }
  return (started) => {
    running = started;
    stop();
  };
}

// Whoever reads the log may go away, as `head` does: devices need the server all the same.
for (const output of [process.stdout, process.stderr]) output.on('error', () => {});

await main();
